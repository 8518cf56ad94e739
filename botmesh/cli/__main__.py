"""``python -m botmesh.cli`` is the ``botmesh`` command."""

from botmesh.cli.main import main

main()
