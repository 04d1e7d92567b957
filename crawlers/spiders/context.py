"""The context of one crawl: what its configuration and store say, and what it counts. Built once, when it starts."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from corpus.configuration import Configuration
from corpus.receipts import last_receipt
from corpus.sections import Site
from corpus.storage import Store
from crawlers.spiders.unit_run import UnitRunner
from crawlers.vetting.basis import digest_of, fingerprint, learned_cameras
from crawlers.vetting.door import Door
from crawlers.windows.markers import Markers
from crawlers.windows.work_units import WorkShare


@dataclass(frozen=True)
class CrawlContext:
    """What all parts of one crawl share."""

    configuration: Configuration
    source: str
    site: Site | None  # the source's section where it is a photo site; None where no host is contacted
    share: WorkShare
    door: Door  # the rules and cameras of today, with what the newest generation has learned of the cameras
    fingerprint: str  # digest of the rules of today; a window whose marker has another one is judged again
    learned: str  # digest of what was learned of the cameras
    has_learned: bool  # whether that differs from what the last complete crawl knew
    markers: Markers
    units: UnitRunner
    started_at_s: float
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # how many photos were refused for which reason
    problems: list[str] = field(default_factory=list)  # failures other than photos': with any, there is no receipt

    @classmethod
    def build(cls, configuration: Configuration, source: str, share: WorkShare) -> Self:
        """Return the context of a crawl of `source` that starts now.

        Raises ConfigurationError, or StorageError where the newest generation's table of native values is damaged.
        """
        store = configuration.store
        section = getattr(configuration.sources, source)
        cameras = learned_cameras(configuration)
        learned = digest_of(cameras)
        return cls(
            configuration=configuration,
            source=source,
            site=section if isinstance(section, Site) else None,
            share=share,
            door=Door(*cameras, configuration.rules, configuration.crawl.original_max_bytes),
            fingerprint=fingerprint(configuration, getattr(section, "licences", ())),
            learned=learned,
            has_learned=learned != last_receipt(store, share.receipt(source)).get("learned"),
            markers=Markers(store, source),
            units=UnitRunner(store, source, share),
            started_at_s=time.time(),
        )

    @property
    def store(self) -> Store:
        """Where everything is written."""
        return self.configuration.store
