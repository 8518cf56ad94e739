"""Documents: anything; of a PDF also how many pages it has, and its first page in small."""

import mimetypes
from pathlib import Path

import pypdfium2

from botnode.inspection import picture
from botnode.inspection.content_type import OCTETS, OLE, UNKNOWN, ZIP, agree
from botnode.inspection.protocol import Findings

TEXT_SAMPLE = 4096
MOST_PAGES = 1_000_000
# A page is rendered at no more pixels a side than this, however large it says it is.
RENDERED_SIDE = 400
# These tell of a container; what is in it, the sender's word or the file's name says better.
_VAGUE = frozenset({UNKNOWN, ZIP, OLE})


def look_at_document(path: Path, found: str, said: str, file_name: str, *, plain: bool) -> Findings:
    """A file of any kind.

    Args:
        path: the file.
        found: the MIME type that its bytes tell, or `UNKNOWN`.
        said: the one that its sender gave; may be empty.
        file_name: the name that its sender gave; may be empty.
        plain: look no further than at its type.
    """
    content_type = _content_type(path, found, said, file_name)
    if found == "application/pdf" and not plain:
        return _pdf(path, content_type)
    return Findings(content_type)


def _content_type(path: Path, found: str, said: str, file_name: str) -> str:
    if said and said != OCTETS:
        return said
    if found in _VAGUE:
        by_name = mimetypes.guess_type(file_name, strict=False)[0] or UNKNOWN
        if by_name and agree(by_name, found):
            return by_name
    return found or ("text/plain" if _is_text(path) else OCTETS)


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(TEXT_SAMPLE)
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # a character may go on behind the sample
            return False
    return b"\0" not in head


def _pdf(path: Path, content_type: str) -> Findings:
    """Whatever PDFium makes of it: a document that nobody can read can be sent all the same."""
    pages, thumbnail = 0, b""
    try:
        with pypdfium2.PdfDocument(path) as pdf:
            pages = min(len(pdf), MOST_PAGES)
            page = pdf[0]
            scale = RENDERED_SIDE / max(*page.get_size(), 1.0)
            thumbnail = picture.shrunk(page.render(scale=scale).to_pil())
    except (pypdfium2.PdfiumError, ValueError, OSError, IndexError, RuntimeError):
        pass
    return Findings(content_type, page_count=pages, thumbnail=thumbnail)
