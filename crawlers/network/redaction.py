"""Redaction: log records in, the same without the secret out.

Flickr takes its key in the address of a request, and addresses stand in messages, in arguments and in tracebacks.
"""

import logging

REPLACEMENT = "[key]"


def redacted(text: str, secret: str) -> str:
    """Return a text without the secret."""
    return text.replace(secret, REPLACEMENT) if secret else text


class Redaction(logging.Filter):
    """Replaces a secret in whatever a handler is about to write."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.secret = secret

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place and let it pass."""
        message = record.getMessage()
        record.msg, record.args = redacted(message, self.secret), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text, self.secret)
        record.exc_info = None  # its text stands in exc_text now
        return True


def redact_logs(secret: str) -> None:
    """Keep a secret out of everything the handlers of the root logger write from now on."""
    for handler in logging.root.handlers:
        handler.addFilter(Redaction(secret))
