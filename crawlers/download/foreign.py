"""Foreign bytes: what came in the place of a JPEG in, whether it is a page for people out. Pure.

A picture of another kind is the photo's own and refuses it. A page, a text or nothing at all is what a server or
something on the way answers when it cannot give the file, whatever status it says; the file itself may come later.
"""

from forensics.jpeg.segments import describe_foreign

LOOKED_AT_BYTES = 512
NOT_IN_TEXT = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b")
UTF_16_STARTS = (b"\xff\xfe", b"\xfe\xff")


def page_instead(data: bytes) -> str | None:
    """Return in words what came instead of a picture; None where it is bytes of another kind."""
    if not data:
        return "an empty answer"
    start = data[:LOOKED_AT_BYTES]
    if not start.startswith(UTF_16_STARTS) and not NOT_IN_TEXT.isdisjoint(start):
        return None
    what = describe_foreign(start)
    return {"an HTML page": what, "XML or HTML text": "an HTML or XML page"}.get(what, "a text")
