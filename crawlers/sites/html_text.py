"""HTML text: a piece of HTML in, its words out. Never raises, whatever the piece is."""

from collections.abc import Iterable
from html.parser import HTMLParser

HTML_MAX = 20_000
"""Characters read of one piece; a wiki's longest author with all templates around has some 5,000."""


def plain_text(html: str) -> str:
    """Return the text of a piece of HTML, blanks run together."""
    parser = _Text()
    try:
        parser.feed(html[:HTML_MAX])
        parser.close()
    except AssertionError:  # how the parser says that a declaration is no HTML: what came before it counts
        pass
    return " ".join("".join(parser.pieces).split())


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        self.unseen += tag in ("style", "script")
        self.pieces.append(" " if tag in ("br", "p", "div", "li") else "")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in ("style", "script") and self.unseen > 0

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.pieces.append(data)
