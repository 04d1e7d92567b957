"""Politeness, hosts and secrets: the small rules that need no server."""

import logging
from datetime import UTC, datetime

import pytest

from crawlers.network.hosts import url_refusal
from crawlers.network.politeness import pause_s, retry_after_s
from crawlers.network.redaction import redact_record
from crawlers.network.scrapy_settings import user_agent

NOW = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("0", 0),
        ("-3", 0),
        ("999999", 3600),
        ("Wed, 01 Jan 2020 00:00:30 GMT", 30),
        ("Tue, 31 Dec 2019 23:00:00 GMT", 0),
        ("soon", None),
        ("nan", None),
        ("Wed, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Wed, 01 Jan 2020 99999999999:00:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(header, seconds):
    assert retry_after_s(header, NOW) == seconds


def test_each_retry_waits_twice_as_long_up_to_a_minute():
    assert [pause_s(attempt) for attempt in (1, 2, 3, 9)] == [1, 2, 4, 60]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.flickr.com/services/rest/", True),
        ("https://live.staticflickr.com/1/2_o.jpg", True),
        ("https://LIVE.StaticFlickr.com:443/1/2_o.jpg", True),
        ("https://staticflickr.com.evil.example/x", False),
        ("https://evil.example/live.staticflickr.com", False),
        ("https://live.staticflickr.com@evil.example/x", False),
        ("http://127.0.0.1/", False),
        ("file:///etc/passwd", False),
        ("data:text/plain,x", False),
    ],
)
def test_only_the_sources_own_hosts_are_allowed(url, allowed):
    assert (url_refusal(url, ("api.flickr.com", "*.staticflickr.com")) is None) is allowed


def test_the_user_agent_says_whom_to_write_to():
    assert user_agent("ann@example.org").startswith("Shutterprint/")
    assert user_agent("ann@example.org").endswith(" (ann@example.org)")


def test_a_secret_stands_neither_in_message_nor_arguments_nor_traceback():
    try:
        raise ValueError("no https://x/?api_key=s3cret")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "asked %s", ("https://x/?api_key=s3cret",), info)
    assert redact_record("s3cret", record)
    text = logging.Formatter().format(record)
    assert "s3cret" not in text
    assert "asked https://x/?api_key=[key]" in text
    assert "ValueError" in text
