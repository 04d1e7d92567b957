"""HTML is reduced to its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.sites.html_text import HTML_MAX, plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("a<br>b", "a b"),
        ("<style>p {}</style><p>Zo&eacute;</p>\n<p>X</p>", "Zoé X"),
        ("an <b>open tag", "an open tag"),
        ("1 &lt; 2", "1 < 2"),
        ("before <![x[ after", "before"),  # the parser gives up here
    ],
)
def test_html_is_reduced_to_its_text(html, text):
    assert plain_text(html) == text


def test_a_piece_without_end_is_cut():
    assert len(plain_text("x" * 10 * HTML_MAX)) == HTML_MAX


@given(st.text(alphabet="<>![]-&#;?/ax \"'=", max_size=60))
def test_no_piece_whatever_raises(html):
    text = plain_text(html)
    assert text == " ".join(text.split())
