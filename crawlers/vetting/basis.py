"""Learned: the configuration and its store in; the cameras as the newest generation knows them out.

What curation has found native to a camera is native at the door as well: a camera that writes quality factor 91 by
nature would else be refused there for ever. Asked once, when a crawl begins; a generation that is published meanwhile
counts in the next crawl. A crawl's receipt says what it knew (`digest_of`): where that is no longer so, the next one
looks through the refusals for photos that may now come in, and leaves all others as they are. Refuses (StorageError) a
table of what was learned that is damaged.
"""

import hashlib
import json
from typing import NamedTuple

from corpus.catalogue import Catalogue
from corpus.configuration import Configuration
from curation.consensus import enriched
from curation.generations import Past, latest_generation


class Cameras(NamedTuple):
    """The cameras that photos are judged by, with what was learned of them."""

    catalogue: Catalogue
    """Every camera known."""
    chosen: Catalogue
    """Those that enter the data set; all where `cameras` asks for support, which only curation can count."""


def digest_of(cameras: Cameras) -> str:
    """Return 16 hex digits of all native values; a generation that learns nothing new leaves them as they are."""
    # the name of an unlisted camera is one of the spellings met so far, and decides nothing
    told = cameras.catalogue.model_dump(mode="json", exclude={"unlisted": {"__all__": {"name"}}})
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def learned_cameras(configuration: Configuration) -> Cameras:
    """Return the configured cameras with what the newest whole generation learned; as they are where there is none."""
    store = configuration.store
    # what a row has from the catalogue of that time, today's says itself, or has taken back
    learned = [row for row in Past(store, latest_generation(store)).learned() if row["source"] == "learned"]
    catalogue = enriched(configuration.whole_catalogue, learned)
    keys = tuple(camera.key for camera in configuration.chosen.cameras)
    return Cameras(catalogue, catalogue if catalogue.is_open else catalogue.only(keys))
