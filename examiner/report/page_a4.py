"""Page A4: draws headings, sentences, pictures and tables onto pages of A4, one below the other, with fpdf2.

All text passes `drawable` here, so no name makes a page fail. Sizes are in mm, those of type in points.
"""

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace
from PIL import Image

from corpus.text import clipped
from examiner.report.fonts import FAMILY, FILES, drawable, folder

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The date of every document, so that equal reports are equal files."""

_MARGIN_MM = 18.0
_BODY_PT, _SMALL_PT, _LINE = 9.5, 8.0, 1.45
_MM_OF_PT = 25.4 / 72
_PIXELS_OF_MM = 130 / 25.4
_COLUMNS_MAX = 8
_CELL_MAX_CHARACTERS = 240
_TEXT_MAX_CHARACTERS = 2_000
_PADDING_MM, _WORD_MAX_MM, _COLUMN_MAX_MM = 2.4, 45.0, 110.0
"""Room right of a cell; the widest word that makes a column wider; the widest column."""


class Colour(NamedTuple):
    """Red, green and blue, 0 to 255."""

    red: int
    green: int
    blue: int


_INK, _SOFT, _LINE_COLOUR, _TINT = Colour(28, 36, 48), Colour(91, 102, 117), Colour(216, 221, 228), (244, 246, 249)


class _Document(FPDF):
    """Pages with a running title and a page number."""

    running = ""

    def footer(self) -> None:
        """Draw the line at the end of each page."""
        self.set_y(-12)
        self.set_font(FAMILY, "", 7)
        self.set_text_color(*_SOFT)
        self.cell(self.epw * 0.8, 4, self.running)
        self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="R")


class PageA4:
    """Pages that are filled from above; `data` ends them."""

    def __init__(self, title: str, running: str) -> None:
        """Begin with a title; `running` stands at the foot of each page. Raises StageError where the font lacks."""
        pdf = self._pdf = _Document(format="A4")
        pdf.set_creation_date(EPOCH)
        pdf.set_lang("en")
        shown = clipped(drawable(title), 200)
        pdf.set_title(shown)
        pdf.set_producer("Shutterprint, fpdf2")
        for style, file in FILES.items():
            pdf.add_font(FAMILY, style, folder() / file)
        pdf.running = drawable(running)
        pdf.set_margins(_MARGIN_MM, _MARGIN_MM)
        pdf.set_auto_page_break(True, _MARGIN_MM)
        pdf.c_margin = 0  # text begins where pictures do
        pdf.add_page()
        self._write(shown, 16, "B")
        pdf.ln(1)

    def data(self) -> bytes:
        """Return the document."""
        return bytes(self._pdf.output())

    def heading(self, text: str) -> None:
        """Begin a section, which the reader's outline lists too; it never stands at the very end of a page."""
        self._room(40)
        self._pdf.ln(5)
        self._pdf.start_section(drawable(text))
        self._write(text, 12.5, "B")
        self._pdf.ln(1)

    def text(self, text: str) -> None:
        """Write a paragraph."""
        self._write(text, _BODY_PT)
        self._pdf.ln(1.5)

    def soft(self, text: str) -> None:
        """Write a paragraph in smaller, softer type."""
        self._write(text, _SMALL_PT, colour=_SOFT)
        self._pdf.ln(1)

    def notice(self, colour: Colour, badge: str, text: str) -> None:
        """Write a sentence in a tinted box with a coloured edge, below a word or two."""
        pdf = self._pdf
        pdf.ln(1)
        inner = pdf.epw - 10
        lines = self._lines(text, 10.5, inner)
        height = 4.5 + 5 + lines * 10.5 * _MM_OF_PT * _LINE + 3
        top = pdf.get_y()
        pdf.set_fill_color(*_TINT)
        pdf.rect(pdf.l_margin, top, pdf.epw, height, style="F")
        pdf.set_fill_color(*colour)
        pdf.rect(pdf.l_margin, top, 1.6, height, style="F")
        pdf.set_xy(pdf.l_margin + 5, top + 3)
        self._write(badge, 9, "B", colour, inner, 5)
        self._write(text, 10.5, "", _INK, inner, 5)
        pdf.set_y(top + height + 3)

    def statement(self, colour: Colour, badge: str, text: str) -> None:
        """Write a finding's sentence, with its level before it in colour."""
        self._room(18)
        self._pdf.ln(2)
        self._write(badge.capitalize(), _SMALL_PT, "B", colour)
        self._write(text, _BODY_PT, "B")

    def picture(self, data: bytes, caption: str, height_max_mm: float, scale: Sequence[str] = ()) -> None:
        """Draw a JPEG or PNG with its caption on the same page; `scale`: the colours of its legend, `#rrggbb`."""
        pdf = self._pdf
        pdf.ln(1.5)
        if not data:
            self.soft(f"{caption} This picture cannot be decoded.")
            return
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            width_px, height_px = opened.size
        width = min(pdf.epw, width_px / _PIXELS_OF_MM)
        shrink = min(1.0, height_max_mm / max(width * height_px / width_px, 1e-3))
        width, height = width * shrink, width * height_px / width_px * shrink
        below = self._lines(caption, _SMALL_PT, pdf.epw) * _SMALL_PT * _MM_OF_PT * _LINE + (5 if scale else 0)
        self._room(height + below + 3)
        pdf.image(io.BytesIO(data), w=width, h=height, alt_text=clipped(drawable(caption), 500))
        pdf.ln(1)
        if scale:
            self._scale(scale)
        self.soft(caption)

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", most: int = _CELL_MAX_CHARACTERS
    ) -> None:
        """Draw rows in aligned columns, at most _COLUMNS_MAX of them; cells are cut after `most` characters."""
        pdf = self._pdf
        columns = min(len(header), _COLUMNS_MAX)
        cells = [
            [clipped(drawable(str(cell)), most) for cell in (*row, *[""] * columns)[:columns]]
            for row in ([header, *rows] if any(header) else rows)
        ]
        if not rows or not columns:
            return
        if title:
            self._room(20)
            self.soft(title)
        widths = self._widths(cells)
        pdf.set_font(FAMILY, "", _SMALL_PT)
        pdf.set_text_color(*_INK)
        pdf.set_draw_color(*_LINE_COLOUR)
        pdf.set_fill_color(255)
        with pdf.table(
            cells,
            col_widths=widths,
            width=min(pdf.epw, sum(widths)),
            align="LEFT",
            text_align="LEFT",
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=_SMALL_PT * _MM_OF_PT * _LINE,
            first_row_as_headings=any(header),
            headings_style=FontFace(emphasis="BOLD", color=_SOFT),
            padding=(0.8, _PADDING_MM, 0.8, 0),
        ):
            pass  # fmt: skip
        pdf.ln(2)

    def _widths(self, cells: Sequence[Sequence[str]]) -> tuple[float, ...]:
        """Return the widths of columns in mm: each holds its longest word, and all of them fit the page."""
        pdf = self._pdf
        pdf.set_font(FAMILY, "B", _SMALL_PT)  # the wider of the two styles

        def widest(texts: Iterable[str], most: float) -> float:
            return min(max(map(pdf.get_string_width, texts), default=0.0) + _PADDING_MM + 0.5, most)

        columns = list(zip(*cells, strict=True))
        least = [widest((word for cell in column for word in cell.split()), _WORD_MAX_MM) for column in columns]
        wanted = [max(widest(column, _COLUMN_MAX_MM), low) for column, low in zip(columns, least, strict=True)]
        if sum(wanted) <= pdf.epw:
            return tuple(wanted)
        if sum(least) >= pdf.epw:
            return tuple(each * pdf.epw / sum(least) for each in least)
        share = (pdf.epw - sum(least)) / (sum(wanted) - sum(least))
        return tuple(low + share * (high - low) for low, high in zip(least, wanted, strict=True))

    def _scale(self, colours: Sequence[str]) -> None:
        pdf, step, top = self._pdf, 1.2, self._pdf.get_y()
        pdf.set_font(FAMILY, "", _SMALL_PT)
        pdf.set_text_color(*_SOFT)
        pdf.cell(pdf.get_string_width("nothing") + 3, 4, "nothing")
        left = pdf.get_x()
        for number, colour in enumerate(colours):
            pdf.set_fill_color(*(int(colour[at : at + 2], 16) for at in (1, 3, 5)))
            pdf.rect(left + number * step, top + 0.6, step + 0.1, 2.8, style="F")
        pdf.set_x(left + len(colours) * step + 1)
        pdf.cell(pdf.get_string_width("strongest") + 6, 4, "strongest")
        left = pdf.get_x()
        pdf.set_fill_color(228, 230, 233)
        pdf.rect(left, top + 0.6, 4.2, 2.8, style="F")
        pdf.set_draw_color(112, 120, 128)
        pdf.set_line_width(0.4)
        for start in (0.0, 1.4):
            pdf.line(left + start, top + 3.4, left + start + 2.8, top + 0.6)
        pdf.set_line_width(0.2)
        pdf.set_x(left + 5)
        pdf.cell(0, 4, "no answer", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _write(
        self, text: str, size_pt: float, style: str = "", colour: Colour = _INK, width: float = 0, indent: float = 0
    ) -> None:
        pdf = self._pdf
        pdf.set_font(FAMILY, style, size_pt)
        pdf.set_text_color(*colour)
        pdf.set_x(pdf.l_margin + indent)
        shown = clipped(drawable(text), _TEXT_MAX_CHARACTERS)
        line = size_pt * _MM_OF_PT * _LINE
        pdf.multi_cell(width or pdf.epw, line, shown, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _lines(self, text: str, size_pt: float, width: float) -> int:
        self._pdf.set_font(FAMILY, "", size_pt)
        shown = clipped(drawable(text), _TEXT_MAX_CHARACTERS)
        lines = self._pdf.multi_cell(width, None, shown, align="L", dry_run=True, output=MethodReturnValue.LINES)
        return len(lines) if isinstance(lines, list) else 1

    def _room(self, height: float) -> None:
        """Begin a new page where less than this height is left on this one."""
        if self._pdf.will_page_break(height):
            self._pdf.add_page()
