"""Parts: `-a part=2/8` in, which units of work are this process's own out; and what unit a window is of. Pure.

A unit is what one process works on alone: a year of a query, a directory. Its name alone decides whose it is, so
the processes need not know of each other, and what they leave behind is what one process would.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from corpus.errors import ConfigurationError
from corpus.text import unique_slug


def unit_of(details: Mapping[str, Any]) -> str:
    """Return the unit that a window belongs to, by its marker's details: a directory, or a year (UTC) of a query."""
    if "directory" in details:
        return str(details["directory"])
    return f"{details['query']} {datetime.fromtimestamp(details['window'][0], UTC).year}"


def unit_name(unit: str) -> str:
    """Return what stands for a unit in the names of its leases; no other unit has it."""
    return unique_slug(unit)


def leases_folder(source: str) -> str:
    """Return where the leases of a source's units stand in the store."""
    return f"crawl/{source}/_leases"


@dataclass(frozen=True)
class WorkShare:
    """One of `count` parts, counted from 1; 1 of 1 is everything."""

    number: int = 1
    count: int = 1

    def has(self, unit: str) -> bool:
        """Whether a unit of work belongs to this part; it belongs to exactly one of all."""
        return int.from_bytes(sha256(unit.encode()).digest()[:8]) % self.count == self.number - 1

    def receipt(self, spider: str) -> str:
        """Return the name of the receipt that says this part of a spider's crawl is whole."""
        return f"crawl-{spider}" if self.count == 1 else f"crawl-{spider}-{self.number}-of-{self.count}"


def parse_work_share(text: str) -> WorkShare:
    """Return the part that `2/8` names; raises ConfigurationError."""
    match = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text.strip())
    if match is None or int(match[1]) > int(match[2]):
        raise ConfigurationError(f"-a part={text}: is not of the form i/n with i from 1 to n, such as 2/8")
    return WorkShare(int(match[1]), int(match[2]))
