"""Pages: everything a photo site wrote is text in them, never markup."""

from corpus.page import figure, page, paragraph, section, table


def test_text_from_photographs_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>"
    html = page(evil, evil, [section(evil, paragraph(evil), table([evil], [[evil]], evil))])
    assert "<script" not in html
    places = ("title", "h1", "lead", "heading", "paragraph", "header", "cell", "caption")
    assert html.count("&lt;script&gt;") == len(places)


def test_columns_of_numbers_are_aligned_right_and_others_are_not() -> None:
    html = table(["camera", "photos"], [["a", "1,200"], ["b", 3]])
    assert '<td class="number">1,200</td>' in html
    assert "<td>a</td>" in html


def test_a_drawing_loses_its_prologue() -> None:
    assert figure('<?xml version="1.0"?><!DOCTYPE svg><svg></svg>', "c").startswith("<figure>\n<svg></svg>")
