"""Validation: reads YAML files, checks texts, and turns pydantic's errors into sentences a person can act on.

`pipelines.yaml: rules.quality_factor_min: 950 is not within 1..100`
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from corpus.errors import ConfigurationError
from corpus.strict_yaml import YamlError, parse_yaml
from corpus.text import clipped, escaped

AnyText = TypeVar("AnyText", str, str | None)

_SHOWN_CHARACTERS = 60
CRON_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
"""Name, least and greatest number of each field of a crontab line, and the words for its numbers from the least on."""

PATTERN_CHARACTERS_MAX = 200
CHOICES_MAX = 3
"""Repeats and alternatives in a pattern: a match that fails tries every combination of them."""


def read_yaml(path: Path, if_missing: str) -> Any:
    """Return what a YAML file holds; raises ConfigurationError, which says `if_missing` where there is no file."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{escaped(path)}: {if_missing}") from error
    except OSError as error:
        raise ConfigurationError(f"{escaped(path)}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{escaped(path)}: is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except YamlError as error:
        raise ConfigurationError(f"{escaped(path)}: cannot be read as YAML: {error}") from error


def matching(pattern: str, name: str) -> Callable[[AnyText], AnyText]:
    """Return a check that raises ValueError, `is not <name>`, for a text that does not match as a whole."""

    def check(text: AnyText) -> AnyText:
        if text is not None and not re.fullmatch(pattern, text):
            raise ValueError(f"is not {name}")
        return text

    return check


def web_address(example: str) -> Callable[[str], str]:
    """Return a check that raises ValueError for a text that is no address of the web, such as one with an odd port."""

    def check(text: str) -> str:
        try:
            address = urlsplit(text)
            is_one = re.fullmatch(r"https?://[^\s/]+(/\S*)?", text) and address.hostname and address.port != 0
        except ValueError:  # brackets without an IPv6 address, or a port that is no number below 65536
            is_one = None
        if not is_one:
            raise ValueError(f"is not an address like {example}")
        return text

    return check


def webhook_address(text: str | None) -> str | None:
    """Return an address that facts may be sent to; raises ValueError for others.

    Only https is taken, and http to this machine itself. A password in it would stand in logs.
    """
    if text is None:
        return None
    web_address("https://hooks.example.org/path")(text)
    address = urlsplit(text)
    if address.scheme != "https" and address.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("is not https; facts of this machine are sent in the clear to itself alone")
    if "@" in address.netloc:
        raise ValueError("has a user or a password in it; secrets stand in the environment (SHUTTERPRINT_HOOK_TOKEN)")
    return text


def host_names(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of hosts in lower case; raises ValueError for one that is none, such as a pattern or an address."""
    for host in hosts:
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:]{2,45}", host):
            raise ValueError(f"names {host!r}, which is not a host such as hooks.example.org")
    return tuple(host.lower() for host in hosts)


def folder_path(text: str) -> str:
    """Return a folder's path as it is; raises ValueError for `~name` of nobody."""
    try:
        Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("is not a path: there is no such home folder") from error
    return text


def crontab_schedule(text: str | None) -> str | None:
    """Return the five fields of a crontab line; raises ValueError for what cron would not take.

    A field is `*`, numbers, spans such as `1-5`, steps of these two such as `*/2` or `0-30/10`, several of these joined
    by commas, or the first three letters of a month or a day.
    """
    fields = [] if text is None else text.split(" ")
    if text is not None and len(fields) != len(CRON_FIELDS):
        raise ValueError("is not five fields of a crontab line such as 17 2 * * *")
    for field, (name, least, greatest, words) in zip(fields, CRON_FIELDS, strict=text is not None):
        for one in field.lower().split(","):
            span, has_step, step = one.partition("/")
            ends = [least + words.index(end) if end in words else _number(end) for end in span.split("-")]
            is_span = span == "*" or (
                len(ends) < 3 and ends == sorted(ends) and least <= ends[0] <= ends[-1] <= greatest
            )
            # Debian's cron has no steps of a single number, such as 5/15
            if not is_span or (has_step and (_number(step) < 1 or (span != "*" and len(ends) == 1))):
                raise ValueError(f"is not what cron takes: {field} is no {name} ({least}-{greatest})")
    return text


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,3}", text) else -1


def check_pattern(text: str, group: str) -> None:
    """Raise ValueError unless `text` is a regular expression with the named group that is matched in bounded time.

    Only characters, sets, groups, alternatives and repeats of one character or set are taken: a repeated group, a
    look-around or a back-reference can make a match take longer than a crawl.
    """
    if len(text) > PATTERN_CHARACTERS_MAX:
        raise ValueError(f"is not at most {PATTERN_CHARACTERS_MAX} characters long")
    try:
        groups = re.compile(text).groupindex
    except (re.error, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    if group not in groups:
        raise ValueError(f"is not a pattern with a group (?P<{group}>…)")
    # what remains are groups, alternatives and repeats; a character or a set is an x
    plain = re.sub(r"\\[^0-9]", "x", text, flags=re.DOTALL)
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "x", plain)
    plain = re.sub(r"\(\?(?:P<\w+>|:)", "(", plain)
    if "(?" in plain or "\\" in plain:
        raise ValueError("is not free of look-arounds, flags and back-references")
    if re.search(r"\)(?:[*+]|\{)", plain):
        raise ValueError("is not free of repeated groups; repeat one character or set, such as [^/]+")
    if len(re.findall(r"(?:[*+?]|\{[0-9,]*\})[?+]?|\|", plain)) > CHOICES_MAX:
        raise ValueError(f"is not a pattern with at most {CHOICES_MAX} repeats and alternatives")


def sentences(where: str, error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """Yield a sentence for each fault, with `where`, the key's path, the value and what would be right.

    `model`: the class that was validated.
    """
    for details in error.errors():
        path = ".".join(str(part) for part in details["loc"])
        fault = _fault(details, model)
        yield f"{where}: {path}: {fault}" if path else f"{where}: {fault}"


def _fault(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, shown = details["type"], clipped(repr(details["input"]), _SHOWN_CHARACTERS)
    told = f"{shown}: {details['msg'][0].lower()}{details['msg'][1:]}"
    if kind == "missing":
        return "is missing; the key must be given"
    if kind == "extra_forbidden":
        return "is not a known key; look for a misspelling"
    if kind in ("model_type", "model_attributes_type"):
        return f"{shown} is not a section; give it keys, or leave it out"
    if kind == "finite_number":
        return f"{shown} is not a finite number"
    if kind == "too_short":
        return "needs at least one entry"
    if kind.startswith(("greater_than", "less_than")):
        within = _range_at(model, details["loc"])
        return f"{shown} is not {within}" if within else told
    if kind == "value_error":
        text = details["msg"].removeprefix("Value error, ")
        return f"{shown} {text}" if text.startswith("is not") else text
    return told


def range_of(field: FieldInfo) -> str:
    """Return the range of a field's values as `within 1..100`, `above 0 and below 1` …; empty where it has none."""
    names = ("ge", "gt", "le", "lt")
    bounds = {name: getattr(one, name) for one in field.metadata for name in names if hasattr(one, name)}
    if "ge" in bounds and "le" in bounds:
        return f"within {bounds['ge']}..{bounds['le']}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{words[name]} {bound}" for name, bound in bounds.items())


def _range_at(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Return the range of the field at `location`, a path of keys; empty where the path leads into no section."""
    here: Any = model
    text = ""
    for part in location:
        # where a key has several forms, as `cameras` does, only a section has keys of its own
        here = next((form for form in get_args(here) if isinstance(form, type) and issubclass(form, BaseModel)), here)
        if not (isinstance(here, type) and issubclass(here, BaseModel)) or part not in here.model_fields:
            return ""
        field = here.model_fields[str(part)]
        here, text = field.annotation, range_of(field)
    return text
