"""The ``botmesh`` command's entry: says what is missing where only the stubs are installed."""

import sys


def main() -> None:
    """Run the command, if its packages are here."""
    try:
        from botmesh.cli.main import main as command  # noqa: PLC0415 - after the question
    except ModuleNotFoundError as error:
        sys.exit(
            f"botmesh: the command needs '{error.name}', which the stubs do without; "
            "install it all with: pip install 'botmesh[mesh]'"
        )
    command()


if __name__ == "__main__":
    main()
