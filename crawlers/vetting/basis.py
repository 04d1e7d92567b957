"""The basis of verdicts: everything that decides which photos a crawl refuses, and short digests of it.

`fingerprint` covers the configuration: rules, thresholds, catalogue, chosen cameras, licences. Each window's marker
has the fingerprint under which its refusals were made. While it is today's, nothing refused is asked for again;
otherwise the refusals are judged again, from the facts in their rows wherever those suffice.

`learned_cameras` adds what the newest generation found native to the cameras: a camera that writes quality factor 91 by
nature would otherwise be refused for ever. It is asked once, when a crawl begins; a generation published during the
crawl counts in the next one. As it changes with the corpus, night by night, it has a digest of its own (`digest_of`),
which stands in the crawl's receipt: where that differs, the next crawl lifts refusals that no longer hold and leaves
all other rows as they are. Raises StorageError for a damaged table of learned values.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from corpus.cameras.catalogue import Catalogue
from corpus.configuration import Configuration
from curation.consensus import enriched
from curation.generations import Past, latest_generation
from curation.rules import RULES
from forensics.metadata.editors import EDITORS


class Cameras(NamedTuple):
    """The cameras that photos are judged by, with what was learned of them."""

    catalogue: Catalogue  # every camera known
    chosen: Catalogue
    """Those that enter the data set; all where `cameras` asks for support, which only curation can count."""


def fingerprint(configuration: Configuration, licences: Sequence[str] = ()) -> str:
    """Return 16 hex digits over rules, thresholds, catalogue, chosen cameras and accepted licences."""
    basis = {
        "rules": configuration.rules.model_dump(mode="json"),
        "names": [rule.__name__ for rule in RULES],
        "editors": EDITORS,
        "catalogue": configuration.whole_catalogue.model_dump(mode="json"),
        "chosen": [camera.key for camera in configuration.chosen.cameras],
        "original_max_bytes": configuration.crawl.original_max_bytes,
        "licences": sorted(licences),
    }
    return _digest(basis)


def digest_of(cameras: Cameras) -> str:
    """Return 16 hex digits over all native values; they stay the same when a generation learns nothing new."""
    # the name of an unlisted camera is one of the spellings found so far, and decides nothing
    decisive = cameras.catalogue.model_dump(mode="json", exclude={"unlisted": {"__all__": {"name"}}})
    return _digest(decisive)


def learned_cameras(configuration: Configuration) -> Cameras:
    """Return the configured cameras with what the newest whole generation learned, where there is one."""
    store = configuration.store
    # rows from the catalogue of that time are left out: today's catalogue has their values itself, or has dropped them
    learned = [row for row in Past(store, latest_generation(store)).learned() if row["source"] == "learned"]
    catalogue = enriched(configuration.whole_catalogue, learned)
    keys = tuple(camera.key for camera in configuration.chosen.cameras)
    return Cameras(catalogue, catalogue if catalogue.is_open else catalogue.only(keys))


def _digest(tree: Any) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]
