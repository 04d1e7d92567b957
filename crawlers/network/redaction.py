"""Redaction: removes a secret from texts and from whatever is logged.

Flickr takes its key in the address of a request, and addresses stand in messages, in arguments and in tracebacks.
"""

import logging
from functools import partial
from urllib.parse import quote, quote_plus

REPLACEMENT = "[key]"


def redacted(text: str, secret: str) -> str:
    """Return a text without the secret, whether as it is or as it is quoted in addresses."""
    if secret:
        for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, REPLACEMENT)
    return text


def redact_record(secret: str, record: logging.LogRecord) -> bool:
    """Replace a secret in a record that is about to be written; return True, so that a handler writes it."""
    record.msg, record.args = redacted(record.getMessage(), secret), ()
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    if record.exc_text:
        record.exc_text = redacted(record.exc_text, secret)
    record.exc_info = None  # its text stands in exc_text now
    return True


def redact_logs(secret: str) -> None:
    """Keep a secret out of everything that the root logger's present handlers write from now on."""
    for handler in logging.root.handlers:
        handler.addFilter(partial(redact_record, secret))
