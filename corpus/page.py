"""Pages: builds self-contained HTML pages from headings, tables, figures and text.

All text is escaped here, also what turns or hides text (`corpus.text.escaped`), and links other than http(s) become
text; `file_link` alone leads to a file beside the page. Only `figure` accepts markup, which must be SVG of our own, and
only `tiles` and `picture` accept picture bytes, which must be JPEG or PNG.
"""

import base64
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from corpus.text import escaped, slug

_URL_MAX_CHARACTERS = 4096
_LONG_TABLE_ROWS = 30
_PICTURES = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}
_UNITS = (" kB", " MB", " GB", " TB", " B", "%", " MP")


Tone = Literal["alarm", "caution", "calm", "plain"]
"""What the colour at the edge of a notice or a card says; the words beside it say it as well."""


class Markup(str):
    """HTML made by this module, which is not escaped again."""


class Tile(NamedTuple):
    """A small picture with a caption."""

    picture: str | None
    """A `data:image/jpeg;base64,` address (see `jpeg_address`); None where there is no picture to show."""
    caption: str
    url: str | None = None
    """The page that the caption links to."""
    file: str | None = None
    """Name of a file beside the page that the caption links to instead."""


def page(title: str, lead: str, sections: Sequence[str]) -> str:
    """Return a whole HTML page; `sections`: what the functions below return."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{_shown(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{_shown(title)}</h1>\n<p class="lead">{_shown(lead)}</p>\n'
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def section(heading: str, *parts: str) -> str:
    """Return a section with a heading, which `contents` links to."""
    return f'<section id="{slug(heading)}">\n<h2>{_shown(heading)}</h2>\n' + "\n".join(parts) + "\n</section>"


def contents(headings: Sequence[str]) -> str:
    """Return links to the sections with these headings."""
    links = "\n".join(f'<a href="#{slug(heading)}">{_shown(heading)}</a>' for heading in headings)
    return f'<nav aria-label="Contents">\n{links}\n</nav>'


def contents_of(sections: Sequence[str]) -> str:
    """Return links to these sections, which `section` has made; other parts of a page have no heading to link to."""
    found = (re.match(r'<section id="([^"]*)">\n<h2>(.*?)</h2>', each) for each in sections)
    links = "\n".join(f'<a href="#{each[1]}">{each[2]}</a>' for each in found if each)
    return f'<nav aria-label="Contents">\n{links}\n</nav>'


def subheading(text: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{_shown(text)}</h3>"


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{_shown(text)}</p>"


def totals(values: Sequence[tuple[str, str]]) -> str:
    """Return large figures from pairs of a value and what it counts."""
    items = "\n".join(f"<div><dd>{_shown(value)}</dd><dt>{_shown(name)}</dt></div>" for value, name in values)
    return f'<dl class="totals">\n{items}\n</dl>'


def details(summary: str, *parts: str, is_open: bool = False) -> str:
    """Return parts that a click on the summary shows or hides."""
    attribute = " open" if is_open else ""
    return f"<details{attribute}>\n<summary>{_shown(summary)}</summary>\n" + "\n".join(parts) + "\n</details>"


def box(*parts: str) -> str:
    """Return parts in a box that scrolls, so that a long list does not make a long page."""
    return '<div class="scroll long">\n' + "\n".join(parts) + "\n</div>"


def link(text: str, url: str | None) -> str:
    """Return a link without a referrer; plain text where `url` is not an http(s) address."""
    if not _is_web_address(url):
        return text
    return Markup(f'<a href="{_shown(url or "")}" rel="noopener noreferrer nofollow">{_shown(text or url or "")}</a>')


def file_link(text: str, name: str) -> str:
    """Return a link to a file beside the page; plain text where its name is not letters, digits, `.`, `-` and `_`."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        return text
    return Markup(f'<a href="{name}">{_shown(text)}</a>')


def notice(tone: Tone, title: str, text: str) -> str:
    """Return a sentence that stands out, below a word or two which say what its colour says."""
    return f'<div class="notice {tone}"><p class="badge">{_shown(title)}</p><p>{_shown(text)}</p></div>'


def card(tone: Tone, badge: str, statement: str, *parts: str, anchor: str = "") -> str:
    """Return a statement with a badge and what belongs to it; `anchor`: what a link on the page may name."""
    place = f' id="{slug(anchor)}"' if anchor else ""
    head = f'<p class="badge">{_shown(badge)}</p>\n<h3>{_shown(statement)}</h3>'
    return f'<article class="card {tone}"{place}>\n{head}\n' + "\n".join(parts) + "\n</article>"


def remark(text: str) -> str:
    """Return a paragraph in smaller, softer type."""
    return f'<p class="remark">{_shown(text)}</p>'


def terms(pairs: Sequence[tuple[str, str]]) -> str:
    """Return terms, each with its description; pairs without a description are left out."""
    items = "\n".join(f"<div><dt>{_shown(term)}</dt><dd>{_shown(text)}</dd></div>" for term, text in pairs if text)
    return f'<dl class="terms">\n{items}\n</dl>'


def picture(data: bytes, caption: str, missing: str, *below: str) -> str:
    """Return a figure with a JPEG or PNG by its bytes; anything else shows the text `missing`.

    `below`: what belongs to the figure, such as a `scale`, between picture and caption.
    """
    kind = next((kind for start, kind in _PICTURES.items() if data.startswith(start)), None)
    if kind is None:
        shown = f'<p class="missing">{_shown(missing)}</p>'
    else:
        shown = f'<img src="data:image/{kind};base64,{base64.b64encode(data).decode()}" alt="{_shown(caption)}">'
    return f"<figure>\n{shown}\n" + "\n".join(below) + f"\n<figcaption>{_shown(caption)}</figcaption>\n</figure>"


def scale(colours: Sequence[str], first: str, last: str, missing: str) -> str:
    """Return the legend of a map: its colours (`#rrggbb`) between two texts, and the sign for no answer."""
    width = 160 / max(len(colours), 1)
    bars = "".join(
        f'<rect x="{number * width:.2f}" width="{width + 0.5:.2f}" height="12" fill="{colour}"/>'
        for number, colour in enumerate(colours)
        if re.fullmatch("#[0-9a-f]{6}", colour)
    )
    hatch = '<path d="M0 12 12 0M-6 6 6-6M6 18 18 6" stroke="#707880" stroke-width="3"/>'
    return (
        f'<p class="scale"><span>{_shown(first)}</span>'
        f'<svg width="160" height="12" viewBox="0 0 160 12" aria-hidden="true">{bars}</svg><span>{_shown(last)}</span>'
        '<svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">'
        f'<rect width="12" height="12" fill="#e4e6e9"/>{hatch}</svg><span>{_shown(missing)}</span></p>'
    )


def table(header: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """Return a table in a box that scrolls; the header of a long table stays in sight.

    Columns in which every cell is a number (formatted, or a size in bytes) are aligned right.
    """
    numeric = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(header))]
    head = "".join(_cell("th", text, number) for text, number in zip(header, numeric, strict=True))
    body = "\n".join(
        "<tr>" + "".join(_cell("td", cell, number) for cell, number in zip(row, numeric, strict=True)) + "</tr>"
        for row in rows
    )
    title = f"<caption>{_shown(caption)}</caption>" if caption else ""
    parts = f"{title}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
    long = " long" if len(rows) > _LONG_TABLE_ROWS else ""
    # in the order of the tab key, so that a table wider than its box can be scrolled without a mouse
    return f'<div class="scroll{long}" tabindex="0"><table>{parts}</table></div>'


def figure(svg: str, caption: str, *, fits: bool = False) -> str:
    """Return a figure with an SVG drawing; anything before `<svg` (an XML prologue) is dropped.

    `fits`: it can still be read at the width of a phone, to which it is then reduced; any other one scrolls. A drawing
    in `currentColor` takes the page's text colour, light or dark; any other is shown on white.
    """
    drawing = svg[svg.index("<svg") :]
    classes = " ".join(["ink"] * ("currentColor" in drawing) + ["fits"] * fits)
    ink = f' class="{classes}"' if classes else ""
    drawing = drawing.replace("<svg", f'<svg{ink} role="img" aria-label="{_shown(caption)}"', 1)
    return f'<figure>\n<div class="scroll">{drawing}</div>\n<figcaption>{_shown(caption)}</figcaption>\n</figure>'


def tiles(pictures: Sequence[Tile], missing: str) -> str:
    """Return a grid of small pictures that wraps; a tile without a picture shows the text `missing`."""
    return '<ul class="tiles">\n' + "\n".join(_tile(tile, missing) for tile in pictures) + "\n</ul>"


def jpeg_address(data: bytes) -> str:
    """Return the `data:` address of a JPEG file."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def _shown(text: str) -> str:
    return escape(escaped(text, keep="\n"))


def _tile(tile: Tile, missing: str) -> str:
    if tile.picture is not None and re.fullmatch(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*", tile.picture):
        picture = f'<img src="{tile.picture}" alt="{_shown(tile.caption)}">'
    else:
        picture = f'<span class="missing">{_shown(missing)}</span>'
    label = file_link(tile.caption, tile.file) if tile.file else link(tile.caption, tile.url)
    return f'<li>{picture}<span class="label">{label if isinstance(label, Markup) else _shown(label)}</span></li>'


def _is_web_address(url: str | None) -> bool:
    if not url or len(url) > _URL_MAX_CHARACTERS or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:  # e.g. an unmatched bracket
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _cell(tag: str, content: object, number: bool) -> str:
    attribute = ' class="number"' if number else ""
    return f"<{tag}{attribute}>{content if isinstance(content, Markup) else _shown(str(content))}</{tag}>"


def _is_number(cell: object) -> bool:
    if isinstance(cell, Markup):
        return False
    text = str(cell).strip().replace(",", "").replace("–", "-")
    for unit in _UNITS:
        text = text.removesuffix(unit)
    return text.lstrip("+-").replace(".", "", 1).isdigit() or text in ("", "-")
