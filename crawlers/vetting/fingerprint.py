"""Fingerprint: all that decides at the door in, a short digest of it out.

A window's marker carries the fingerprint its refusals were made under: as long as it is today's, nothing refused is
asked for again; where it is not, the refusals are judged again, by the facts in their rows wherever those suffice.
What was learned of cameras is not part of it (`crawlers.vetting.basis`): it changes with the corpus, night by night.
"""

import hashlib
import json
from collections.abc import Sequence

from corpus.configuration import Configuration
from curation.rules import RULES
from forensics.metadata.editors import EDITORS


def fingerprint(configuration: Configuration, licences: Sequence[str] = ()) -> str:
    """Return 16 hex digits of the rules and their thresholds, the catalogue, the cameras chosen, the licences taken."""
    law = {
        "rules": configuration.rules.model_dump(mode="json"),
        "names": [rule.__name__ for rule in RULES],
        "editors": EDITORS,
        "catalogue": configuration.whole_catalogue.model_dump(mode="json"),
        "chosen": [camera.key for camera in configuration.chosen.cameras],
        "original_max_bytes": configuration.crawl.original_max_bytes,
        "licences": sorted(licences),
    }
    return hashlib.sha256(json.dumps(law, sort_keys=True).encode()).hexdigest()[:16]
