"""Answers: what a part of the site replies to one request, as plain data; the connection sends it."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.uploads.upload import Upload


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of one answer; Content-Length and Date are added on the way out."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Upload | None = None
    """The upload whose bytes these are; only such bodies are paced and cut."""


def json_answer(tree: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that holds a JSON document; always status 200, as both sites do for their errors too."""
    body = json.dumps(tree, ensure_ascii=False).encode("utf-8")
    return Answer(200, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def text_answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer of one plain sentence."""
    return Answer(status, text.encode("utf-8"), {"Content-Type": "text/plain; charset=utf-8", **(headers or {})})


def photo_page(upload: Upload, licence_name: str, file_url: str) -> Answer:
    """Return the page of one photograph for people: title, owner, licence, and the original."""
    title, owner, licence, url = (
        html.escape(text) for text in (upload.title, upload.owner_name, licence_name, file_url)
    )
    body = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<h1>{title}</h1><p>{owner} · {licence}</p><p><a href='{url}'>original</a></p></html>\n"
    )
    return Answer(200, body.encode("utf-8"), {"Content-Type": "text/html; charset=utf-8"})
