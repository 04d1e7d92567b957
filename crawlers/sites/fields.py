"""Fields of an API's answer: each function reads one value, and returns None where it is not what was documented.

Whatever an answer holds in place of what was expected, nothing here raises anything but `WrongShape`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from parsel import Selector

from corpus.text import iso_time

TEXT_MAX = 1000  # characters kept of a title, a name or a licence
ADDRESS_MAX = 2000  # the longest address accepted, in characters; the longest file names of a wiki make some 800
HTML_MAX = 20_000  # characters read of a piece of HTML; the longest author with all templates has some 5,000
INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1  # what the columns for pixels and for bytes can hold

NO_ADDRESS = "the site names no usable address"

# the texts that are shown, and the elements that begin a new word
_SHOWN = "//text()[not(parent::script or parent::style)] | //br | //p | //div | //li"
_USABLE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class WrongShape(ValueError):  # noqa: N818 - it says what is wrong with the answer
    """The answer as a whole is not what its API documents; its query stays open, since a later answer may be."""


def usable_id(value: Any) -> str | None:
    """Return a site's id of a photo: 1 to 64 letters, digits, `_` and `-`, as text or number; None for all else."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INT64_MAX else value
    return text if isinstance(text, str) and _USABLE_ID.fullmatch(text) else None


def photo_key(source: str, site_id: str | None, entry: Any) -> str:
    """Return `<source>:<id>`; an entry without an id gets a digest of its JSON instead, the same in every listing."""
    return f"{source}:{site_id or 'unnamed-' + entry_digest(entry)}"


def entry_digest(entry: Any) -> str:
    """Return 12 hex digits of an entry's JSON; raises WrongShape where it is nested too deep to be written."""
    try:
        text = json.dumps(entry, sort_keys=True)
    except RecursionError as error:
        raise WrongShape("an entry of the answer is nested too deep to be read") from error
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def text_or_none(value: Any) -> str | None:
    """Return a text or whole number as text, without NULs and cut to TEXT_MAX characters; None for all else."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INT64_MAX else value
    return text[:TEXT_MAX].replace("\0", "").strip() or None if isinstance(text, str) else None


def plain_text(html: str) -> str:
    """Return the text that a piece of HTML shows, runs of white space as one blank; never raises."""
    encodable = html[:HTML_MAX].encode("utf-8", "replace").decode()  # JSON may hold halves of surrogate pairs
    nodes = Selector(text=encodable, type="html").xpath(_SHOWN)
    return " ".join("".join(node.root if isinstance(node.root, str) else " " for node in nodes).split())


def number_or_none(value: Any, most: int, least: int = 0) -> int | None:
    """Return a whole number from `least` to `most`, given as a number or as decimal digits; None for all else."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and least <= value <= most else None


def address_or_none(value: Any) -> str | None:
    """Return an http or https address of at most ADDRESS_MAX characters; None for all else."""
    # both sites percent-encode addresses, so they are ASCII
    if not isinstance(value, str) or not re.fullmatch(rf"https?://[!-~]{{1,{ADDRESS_MAX}}}", value):
        return None
    try:
        parts = urlsplit(value)
        is_usable = bool(parts.hostname) and parts.port != 0 and len(value) <= ADDRESS_MAX
    except ValueError:  # brackets without an IPv6 address, or a port that is no number
        return None
    return value if is_usable else None


def moment_or_none(value: Any) -> str | None:
    """Return a time of the form `2014-10-02T08:00:00Z`; None for all else."""
    try:
        return iso_time(int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()))
    except (TypeError, ValueError):
        return None


def mapping_at(tree: Any, name: str) -> Mapping[str, Any]:
    """Return the mapping under `name` in an answer; raises WrongShape where there is none."""
    value = tree.get(name) if isinstance(tree, Mapping) else None
    if not isinstance(value, Mapping):
        raise WrongShape(f"the answer has no object {name!r} but {_kind(value)}")
    return value


def list_at(tree: Any, name: str) -> list[Any]:
    """Return the list under `name` in an answer; raises WrongShape where there is none."""
    value = tree.get(name) if isinstance(tree, Mapping) else None
    if not isinstance(value, list):
        raise WrongShape(f"the answer has no list {name!r} but {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
