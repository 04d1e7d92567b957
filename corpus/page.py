"""Self-contained HTML pages: headings, tables, figures and text in, one page that needs nothing else out.

All text is escaped here; only `figure` takes markup, which must be SVG of our own drawing.
"""

from collections.abc import Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d8dde4; --paper: #fff; --tint: #f4f6f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #9aa5b4; --line: #39424f; --paper: #14181f; --tint: #1c222b; }
  figure svg { background: #fff; border-radius: 6px; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
p { max-width: 46rem; }
p.lead { color: var(--soft); margin-top: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
caption { text-align: left; color: var(--soft); padding: .2rem 0 .4rem; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--soft); }
td.number, th.number { text-align: right; padding-right: 1.2rem; }
figure { margin: 1rem 0; }
figure svg, figure img { max-width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .9rem; }
"""


def page(title: str, lead: str, sections: Sequence[str]) -> str:
    """Return a whole HTML page of sections made by the functions below."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n' + "\n".join(sections) + "\n</body>\n</html>\n"
    )


def section(heading: str, *parts: str) -> str:
    """Return a section: a heading and what stands below it."""
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def table(header: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """Return a table; columns whose every cell is a number (or a formatted one) are aligned right."""
    numeric = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(header))]
    head = "".join(_cell("th", text, number) for text, number in zip(header, numeric, strict=True))
    body = "\n".join(
        "<tr>" + "".join(_cell("td", cell, number) for cell, number in zip(row, numeric, strict=True)) + "</tr>"
        for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    parts = f"{title}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
    return f'<div class="scroll"><table>{parts}</table></div>'


def figure(svg: str, caption: str) -> str:
    """Return a figure of an SVG drawing; anything before `<svg` (an XML prologue) is dropped."""
    return f"<figure>\n{svg[svg.index('<svg') :]}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def _cell(tag: str, content: object, number: bool) -> str:
    attribute = ' class="number"' if number else ""
    return f"<{tag}{attribute}>{escape(str(content))}</{tag}>"


def _is_number(cell: object) -> bool:
    text = str(cell).strip().rstrip("%").replace(",", "").replace("–", "-")
    return text.lstrip("+-").replace(".", "", 1).isdigit() or text in ("", "-")
