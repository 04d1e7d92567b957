"""Pages: everything a photo site wrote is text in them, never markup, and they fetch nothing from anywhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import corpus.page
from corpus.page import (
    Tile,
    box,
    card,
    contents,
    contents_of,
    details,
    figure,
    file_link,
    jpeg_address,
    link,
    notice,
    page,
    paragraph,
    picture,
    remark,
    scale,
    section,
    subheading,
    table,
    terms,
    tiles,
    totals,
)


class Markup(HTMLParser):
    """What a browser takes for tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_text_from_photographs_cannot_become_markup() -> None:
    evil = '" onload="alert(1)"><script>alert(1)</script>'
    html = page(
        evil,
        evil,
        [
            section(evil, subheading(evil), paragraph(evil), table([evil], [[evil]], evil), contents([evil])),
            totals([(evil, evil)]),
            details(evil, box(paragraph(evil))),
            tiles([Tile(jpeg_address(b"x"), evil), Tile(None, evil, f"https://a.example/{evil}")], evil),
            tiles([Tile(f"data:image/jpeg;base64,{evil}", evil, f"https://a.example/?{evil.replace(' ', '')}")], evil),
            table(["x"], [[link(evil, "https://a.example/")]]),
            figure("<svg></svg>", evil),
        ],
    )
    parser = Markup()
    parser.feed(html)
    assert "script" not in parser.tags
    assert "onload" not in parser.attributes
    places = ("title", "h1", "lead", "h2", "h3", "p", "th", "td", "caption", "nav", "dd", "dt", "summary", "p", "alt")
    assert html.count("&lt;script&gt;") >= len(places)


def test_text_that_turns_or_hides_other_text_is_shown_as_escapes() -> None:
    hidden = "a\u202e\u200b\x9b\u2028b"
    shown = r"a\u202e\u200b\x9b\u2028b"
    html = page(hidden, hidden, [table([hidden], [[hidden], [link(hidden, "https://a.example/")]]), paragraph(hidden)])
    assert html.count(shown) == 7
    assert "\u202e" not in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.example/",
        "//a.example/",
        "https://",
        "http://[a",
        " https://a.example/",
        "https://a.example/\n",
        "https://a.example/" + "x" * 5000,
        "",
        None,
    ],
)
def test_an_address_that_is_not_of_the_web_is_no_link(address: str | None) -> None:
    assert link("a page", address) == "a page"
    assert "href" not in tiles([Tile(None, "a page", address)], "nothing")


def test_a_link_tells_the_other_site_nothing() -> None:
    assert link("a & b", "https://a.example/?x=1&y='2'") == (
        '<a href="https://a.example/?x=1&amp;y=&#x27;2&#x27;" rel="noopener noreferrer nofollow">a &amp; b</a>'
    )
    assert link("", "http://a.example/").endswith(">http://a.example/</a>")
    assert '<td><a href="http://a.example/"' in table(["page"], [[link("1", "http://a.example/")]])


def test_columns_of_numbers_and_sizes_are_aligned_right_and_others_are_not() -> None:
    html = table(["camera", "photos", "bytes"], [["a", "1,200", "1.50 GB"], ["b", 3, "900 B"]])
    assert '<td class="number">1,200</td>' in html
    assert '<td class="number">1.50 GB</td>' in html
    assert "<td>a</td>" in html


def test_a_long_table_scrolls_in_a_box_of_its_own() -> None:
    assert 'class="scroll"' in table(["n"], [[1]])
    assert 'class="scroll long"' in table(["n"], [[number] for number in range(40)])


def test_a_drawing_loses_its_prologue_and_says_what_it_shows() -> None:
    html = figure('<?xml version="1.0"?><!DOCTYPE svg><svg width="3"></svg>', "bars & lines")
    assert html.startswith(
        '<figure>\n<div class="scroll"><svg role="img" aria-label="bars &amp; lines" width="3"></svg></div>'
    )


def test_a_drawing_in_the_pages_ink_is_told_from_one_on_white() -> None:
    assert '<svg class="ink" ' in figure('<svg fill="currentColor"></svg>', "c")
    assert "ink" not in figure('<svg fill="#000"></svg>', "c")


def test_a_drawing_that_fits_a_telephone_is_reduced_to_it_and_another_scrolls() -> None:
    assert '<svg class="ink fits" ' in figure('<svg fill="currentColor"></svg>', "c", fits=True)
    assert '<svg class="fits" ' in figure("<svg></svg>", "c", fits=True)


def test_a_tile_without_a_picture_says_so_and_one_with_a_picture_describes_it() -> None:
    html = tiles([Tile(None, "photo 1"), Tile(jpeg_address(b"\xff\xd8"), "photo 2")], "no picture")
    assert '<span class="missing">no picture</span><span class="label">photo 1</span>' in html
    assert '<img src="data:image/jpeg;base64,/9g=" alt="photo 2">' in html


def test_a_picture_from_elsewhere_is_not_shown() -> None:
    assert "<img" not in tiles([Tile("https://a.example/1.jpg", "x"), Tile("data:image/svg+xml,x", "x")], "none")


def test_contents_lead_to_their_sections() -> None:
    assert '<a href="#the-funnel-2">The funnel (2)</a>' in contents(["The funnel (2)"])
    headings = ["The funnel (2)", "Photos & <cameras>"]
    assert contents_of([section(headings[0], paragraph("a")), paragraph("b"), section(headings[1])]) == contents(
        headings
    )
    assert section("The funnel (2)").startswith('<section id="the-funnel-2">')


def test_a_picture_is_shown_by_its_bytes_and_anything_else_is_a_sentence() -> None:
    assert 'src="data:image/jpeg;base64,/9j/" alt="a &amp; b"' in picture(b"\xff\xd8\xff", "a & b", "cannot be shown")
    assert 'src="data:image/png;base64,' in picture(b"\x89PNG\r\n\x1a\n", "p", "cannot be shown")
    for other in (b"", b"<svg onload=alert(1)>", b"GIF89a"):
        assert "<img" not in picture(other, "p", "cannot be shown")
        assert "cannot be shown" in picture(other, "p", "cannot be shown")


def test_a_file_beside_the_page_is_linked_by_a_plain_name_only() -> None:
    assert file_link("a & b", "0001-a.html") == '<a href="0001-a.html">a &amp; b</a>'
    for other in ("../a.html", "a/b", "javascript:alert(1)", "", 'a"b', "-a", ".a"):
        assert file_link("a", other) == "a"
    assert '<a href="0001-a.html">' in tiles([Tile(None, "a", file="0001-a.html")], "nothing")


def test_a_notice_and_a_card_say_in_words_what_their_colour_says() -> None:
    assert '<p class="badge">Unusual</p>' in notice("alarm", "Unusual", "It is.")
    html = card("caution", "Weak", "Seen.", remark("As often."), terms([("Method", "A test."), ("Source", "")]))
    assert '<article class="card caution">' in html
    assert "Source" not in html


def test_a_scale_shows_its_colours_and_nothing_else_as_a_colour() -> None:
    html = scale(["#ffd60a", 'red" onload="x'], "nothing", "strongest", "no answer")
    assert html.count("<rect x=") == 1
    assert "onload" not in html


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_ink_can_be_read_on_every_ground(scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5."""
    css = Path(corpus.page.__file__).with_name("page.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--(\w+): (#[0-9a-f]+)", part)) for part in css.split("@media (prefers", 1))
    colours = light if scheme == "light" else light | dark
    for ink in ("ink", "soft", "link", "alarm", "caution", "calm"):
        for ground in ("paper", "tint"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
