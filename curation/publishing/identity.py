"""Identity: the digest by which a generation is named: of all that decides what is in it, however it was judged.

Digests of rows are added up, so that a refresh takes away those that changed and adds what they are now.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from corpus.sections import Shards
from corpus.text import leading_number
from curation.judging.refresh.state.ledger import Sides
from shards.plan import FORMAT as SHARDS_FORMAT

FORMAT = 4
"""Raise it when the files of a generation change their form: the same rows are then published again."""


def generation_digest(
    rows: int, ledger: Sides, learned: Sequence[Any], hubs: Sequence[Any], shards: Shards, classes: Sequence[str]
) -> str:
    """Return the digest; `rows`: the sum of the digests of all rows; `classes`: those of its shards, by label.

    It covers values, not the bytes of files, which depend on the versions of libraries.
    """
    columns = (ledger.group, ledger.split, ledger.fold)
    sides = hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()
    told = [FORMAT, packed_digest(shards, classes), sides, learned, hubs, f"{rows:x}"]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def name_after(latest: str | None, digest: str) -> str:
    """Return the name of the generation with this digest that follows `latest`, None before the first."""
    return f"{(leading_number(latest) if latest else 0) + 1:04d}-{digest[:10]}"


def packed_digest(shards: Shards, classes: Sequence[str]) -> str:
    """Return a digest of how shards are cut and of the labels of their classes."""
    told = [SHARDS_FORMAT, shards.model_dump(exclude={"photos_at_once"}), classes]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
