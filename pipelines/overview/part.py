"""Part: what the overview says of one thing: lines for people, the same as plain data, and advice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Advice:
    """Something that a person may want to do."""

    what: str
    command: str
    """What to type; for what no command mends, a sentence."""
    is_wrong: bool = True
    """Whether it should not be so; False for what is simply next."""


@dataclass(frozen=True)
class Part:
    """One part of the overview."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    """Sentences below the table."""
    data: Mapping[str, Any] | Sequence[Any] = field(default_factory=dict)
    """The same for programs."""
    advice: Sequence[Advice] = ()
