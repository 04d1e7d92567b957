"""Pages: everything a photo site wrote is text in them, never markup, and they fetch nothing from anywhere."""

from html.parser import HTMLParser

import pytest

from corpus.page import (
    Tile,
    box,
    contents,
    contents_of,
    details,
    figure,
    jpeg_address,
    link,
    page,
    paragraph,
    section,
    subheading,
    table,
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
