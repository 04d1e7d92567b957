"""Units of work, and the share of them that `-a part=2/8` gives to one process. Pure.

A unit is what one process works on alone: a year of a query, a directory. Its name alone decides which share it is in,
so the processes need not know of each other, and together they leave what one process would.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from corpus.errors import ConfigurationError


def origin_of(details: Mapping[str, Any]) -> str:
    """Return what a window was listed from, by its marker's details: a directory, a manifest or a query."""
    return str(next(details[name] for name in ("directory", "manifest", "query") if name in details))


def unit_of(details: Mapping[str, Any]) -> str:
    """Return the unit that a window belongs to, by its marker's details.

    It is a directory, some rows of a manifest, or a year (UTC) of a query.
    """
    if "directory" in details:
        return origin_of(details)
    if "manifest" in details:
        return f"{origin_of(details)} from {details['first']}"
    return f"{origin_of(details)} {datetime.fromtimestamp(details['window'][0], UTC).year}"


def leases_folder(source: str) -> str:
    """Return the folder of the leases of a source's units; a lease's name is the `unique_slug` of its unit."""
    return f"crawl/{source}/_leases"


@dataclass(frozen=True)
class WorkShare:
    """One of `count` shares, counted from 1; 1 of 1 is everything."""

    number: int = 1
    count: int = 1

    def has(self, unit: str) -> bool:
        """Whether a unit of work is in this share; it is in exactly one of all."""
        return int.from_bytes(sha256(unit.encode()).digest()[:8]) % self.count == self.number - 1

    def receipt(self, spider: str) -> str:
        """Return the name of the receipt that says that this share of a spider's crawl is complete."""
        return f"crawl-{spider}" if self.count == 1 else f"crawl-{spider}-{self.number}-of-{self.count}"


def parse_work_share(text: str) -> WorkShare:
    """Return the share that `2/8` names; raises ConfigurationError."""
    match = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text.strip())
    if match is None or int(match[1]) > int(match[2]):
        raise ConfigurationError(f"-a part={text}: is not of the form i/n with i from 1 to n, such as 2/8")
    return WorkShare(int(match[1]), int(match[2]))
