"""The names of a photo: its key or its page, in any form that the page's address may have."""

import os

import pytest

from corpus.errors import ConfigurationError
from corpus.text import escaped
from crawlers.forget.photo_names import parse_name, plain_page

WIKI = "commons.wikimedia.org"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("flickr:4711", "flickr:4711"),
        (" wikimedia:123 ", "wikimedia:123"),
        ("folder:a/b c.jpg ", "folder:a/b c.jpg "),
        ("folder:a:b.jpg", "folder:a:b.jpg"),
        (os.fsdecode(b"folder:\xff.jpg"), "folder:\\xff.jpg"),
        ("https://www.flickr.com/photos/x/4711/", "flickr:4711"),
        ("http://flickr.com/photos/12@N00/4711/in/album-5/", "flickr:4711"),
        ("HTTPS://m.flickr.com/photos/x/4711?a=b#c", "flickr:4711"),
        ("https://commons.wikimedia.org/?curid=123", "wikimedia:123"),
    ],
)
def test_a_key_or_an_address_that_contains_it_names_a_photo(text, key):
    assert parse_name(text, WIKI).key == key


@pytest.mark.parametrize(
    "text",
    [
        "4711", "", "flickr:", "flickr:a/b", "flickr:../x", "wikimedia:1 2", "folder:", "folder:/etc/passwd",
        "imgur:1", "ftp://www.flickr.com/photos/x/1/", "https://[::1", "flickr:" + "1" * 65,
    ],
)  # fmt: skip
def test_text_that_names_no_photo_is_refused_with_the_valid_forms(text):
    with pytest.raises(ConfigurationError, match=r"not a photo; name it by|not an address of a page"):
        parse_name(text, WIKI)


def test_addresses_of_one_page_are_equal_and_those_of_two_are_not():
    alike = {
        plain_page(url)
        for url in (
            "https://commons.wikimedia.org/wiki/File:A_b_%C3%A9.jpg",
            "http://COMMONS.wikimedia.org/wiki/File:A b é.jpg/",
            "https://commons.m.wikimedia.org/wiki/File:A_b_é.jpg#filehistory",
        )
    }
    assert alike == {"commons.wikimedia.org/wiki/File:A_b_é.jpg"}
    assert len({plain_page(f"https://wiki.example/index.php?title=File:{name}.jpg") for name in "ab"}) == 2


def test_a_page_id_of_another_wiki_is_no_key():
    name = parse_name("https://wiki.example/index.php?curid=123", WIKI)
    assert (name.key, name.page) == (None, "wiki.example/index.php?curid=123")


def test_a_name_cannot_control_the_terminal():
    assert escaped("folder:a\x1b[2J\n é.jpg") == "folder:a\\x1b[2J\\n é.jpg"
