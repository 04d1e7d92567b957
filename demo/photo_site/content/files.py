"""Files: answers requests for an upload's bytes or a range of them.

Follows RFC 9110, sections 13 and 14: one byte range per request, ETag and Last-Modified as validators, If-Range.
Multiple ranges, other units and malformed ranges are ignored, as the RFC allows; the answer is then the whole file.
"""

import email.utils
import re
from email.message import Message
from pathlib import Path

from demo.photo_site.content.answers import Answer, text_answer
from demo.uploads.upload import Upload

_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"GIF8", "image/gif"))


def mime_of(path: Path) -> str:
    """Return the media type by a file's first bytes, as the real sites do; `unknown/unknown` for a missing file."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return "unknown/unknown"
    return next((mime for signature, mime in _SIGNATURES if start.startswith(signature)), "unknown/unknown")


def file_answer(folder: Path, upload: Upload, file_at_s: int, headers: Message, honour_range: bool) -> Answer:
    """Return the answer to a request for an upload's bytes, which came to the site at `file_at_s` (since 1970).

    Status 200: the whole file, 206: a range, 416: a range beyond the end, 404: the folder has no such file.
    """
    path = folder / upload.file
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return text_answer(404, f"{upload.file}: no such file\n")
    etag = f'"{upload.sha1[:20]}"'
    modified = email.utils.formatdate(file_at_s, usegmt=True)
    mime = mime_of(path)
    common = {
        "Content-Type": mime if mime.startswith("image/") else "application/octet-stream",
        "ETag": etag,
        "Last-Modified": modified,
    }
    if not honour_range:
        return Answer(200, content, common, upload)
    common["Accept-Ranges"] = "bytes"
    condition = headers.get("If-Range")
    asked = headers.get("Range") if condition in (None, etag, modified) else None
    span = parse_range(asked, len(content)) if asked else None
    if span is None:
        return Answer(200, content, common, upload)
    first, end = span
    if first >= end:
        return text_answer(416, "range beyond the end of the file\n", {"Content-Range": f"bytes */{len(content)}"})
    part = {"Content-Range": f"bytes {first}-{end - 1}/{len(content)}"}
    return Answer(206, content[first:end], {**common, **part}, upload)


def parse_range(text: str, size_bytes: int) -> tuple[int, int] | None:
    """Return (first, end) of one byte range within the file, end excluded; None for a range to ignore.

    A range that cannot be satisfied is returned empty: first >= end.
    """
    match = re.fullmatch(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)", text.strip(), re.IGNORECASE)
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first_text, last_text = match.groups()
    if not first_text:  # a suffix: the last so many bytes
        return max(0, size_bytes - int(last_text)), size_bytes
    first = int(first_text)
    if last_text and int(last_text) < first:
        return None
    return first, min(int(last_text) + 1, size_bytes) if last_text else size_bytes
