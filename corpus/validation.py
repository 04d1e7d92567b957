"""Validation: reads YAML files, checks patterns, and turns pydantic's errors into sentences a person can act on.

`pipelines.yaml: rules.quality_factor_min: 950 is not within 1..100`
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from corpus.errors import ConfigurationError
from corpus.text import clipped

_SHOWN_CHARACTERS = 60

PATTERN_CHARACTERS_MAX = 200
CHOICES_MAX = 4
"""Repeats and alternatives in a pattern: a match that fails tries every combination of them."""


def read_yaml(path: Path, if_missing: str) -> Any:
    """Return what a YAML file holds; raises ConfigurationError, which says `if_missing` where there is no file."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: {if_missing}") from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as YAML: {error}") from error


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
