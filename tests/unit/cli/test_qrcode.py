import segno

from botmesh.cli.qrcode import QUIET_ZONE, draw

CODE = "https://wa.me/settings/linked_devices#2@" + "a" * 150

TOP = {"▀", "█"}
BOTTOM = {"▄", "█"}


def test_the_drawing_shows_every_module() -> None:
    lines = draw(CODE).plain.rstrip("\n").split("\n")
    drawn = []
    for line in lines:
        drawn.append([char in TOP for char in line])
        drawn.append([char in BOTTOM for char in line])
    wanted = [
        [bool(module) for module in row]
        for row in segno.make_qr(CODE, error="l").matrix_iter(border=QUIET_ZONE)
    ]
    assert drawn[: len(wanted)] == wanted
    assert not any(any(row) for row in drawn[len(wanted) :])


def test_a_usual_code_fits_a_usual_terminal() -> None:
    lines = draw(CODE).plain.rstrip("\n").split("\n")
    assert len(lines) <= 40
    assert len(lines[0]) <= 80
