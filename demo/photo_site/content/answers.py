"""Answers: the site's replies to requests, as plain data for the connection to send."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.uploads.upload import Upload


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of one answer; the connection adds Content-Length and Date."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Upload | None = None
    """The upload whose bytes these are; only such bodies are paced and cut."""


def json_answer(tree: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that holds a JSON document, with status 200, which both sites use for errors as well."""
    body = json.dumps(tree, ensure_ascii=False).encode("utf-8")
    return Answer(200, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def text_answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer in plain text."""
    return Answer(status, text.encode("utf-8"), {"Content-Type": "text/plain; charset=utf-8", **(headers or {})})


def photo_page(upload: Upload, licence_name: str, file_url: str) -> Answer:
    """Return one photograph's page for people: title, owner, licence and a link to the original."""
    title, owner, licence, url = (
        html.escape(text) for text in (upload.title, upload.owner_name, licence_name, file_url)
    )
    body = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<h1>{title}</h1><p>{owner} · {licence}</p><p><a href='{url}'>original</a></p></html>\n"
    )
    return Answer(200, body.encode("utf-8"), {"Content-Type": "text/html; charset=utf-8"})
