"""Base: what a refresh starts from: the last state where there is one, and what has changed since."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from corpus.manifests.handed_on import FOLDER as MANIFESTS
from corpus.storage import Store
from curation.facts.examine import Original, Trouble, kind_of
from curation.generations import FOLDER, Past, latest_generation
from curation.judging.inputs import Inputs
from curation.judging.refresh.last import Last, forgotten_ids, troubled_ids
from curation.judging.refresh.news import News, Shares, news_of, waiting_of
from curation.judging.refresh.state.index import Index, id_of, states_of
from curation.judging.refresh.state.known import Known, digest_of_settings
from curation.judging.whole_corpus import JudgeSettings

FIRST_MAX = 1_000_000
"""Up to so many uploads, the first refresh after all were judged together makes the state of all in this process, with
about 4 kB of memory for each."""


@dataclass(frozen=True)
class Base:
    """The last state and the news."""

    last: Last
    news: News

    @property
    def is_first(self) -> bool:
        """Whether there is no state yet, so that all uploads are judged."""
        return not self.last.known.parts

    def waiting(self) -> list[Original]:
        """Return the stored originals that have no facts."""
        before = {id_of(photo, version) for photo, version, *_ in self.last.known.troubles}
        return [one for uploads in Shares(self.news, self.news.ids | before) for one in waiting_of(uploads)]

    def again(self, inputs: Inputs) -> "Base":
        """Return the same with the facts that there are now."""
        return Base(self.last, news_of(inputs, self.news.index))

    def concerned(self, troubles: Iterable[Trouble]) -> frozenset[int]:
        """Return the uploads of which something else is known than when they were judged."""
        of_takedowns = forgotten_ids(self.last.known, self.last.state, self.news.inputs.forgotten)
        return self.news.ids | troubled_ids(self.last.known, troubles) | of_takedowns

    def remembered(self, store: Store) -> None:
        """Publish that the tables were read, where they say of every upload what was known."""
        index = self.news.indexed(store)
        known = replace(self.last.known, index=index.rows.names, states=index.tables.names)
        known.publish(store)
        known.tidy(store)


def refresh_base(store: Store, inputs: Inputs, settings: JudgeSettings) -> Base | None:
    """Return what a refresh starts from; None where all uploads are to be judged together.

    That is so before the first generation, where other rules, another catalogue or another examiner judged the last
    one, where official splits are given, where a data set was handed on, and where tables of facts are gone.
    """
    generation = latest_generation(store)
    if generation is None or settings.given.by_photo or settings.given.by_sha256 or store.names(MANIFESTS):
        return None
    known = Known.read(store, generation)
    if known is None or known.settings != digest_of_settings(settings, kind_of(settings.curation)):
        return None
    past = Past(store, generation)
    if not known.parts:
        marker = store.done(f"{FOLDER}/{generation}") or {}
        if marker.get("photos", 0) > FIRST_MAX:
            return None
        last = Last.nothing(known, past, settings.curation.folds)
        return Base(last, news_of(inputs, Index.empty()))
    last = Last.read(store, known, past)
    news = news_of(inputs, Index.read(store, known.index, known.states))
    return None if any(path.startswith("facts/") for path in news.gone) else Base(last, news)


def is_unchanged(store: Store, inputs: Inputs, settings: JudgeSettings) -> bool:
    """Whether a corpus that was judged whole is as it was then, so that nothing has to be read."""
    known = Known.read(store, latest_generation(store) or "")
    return (
        known is not None
        and known.inputs == digest_of_inputs(inputs)
        and not known.troubles
        and known.settings == digest_of_settings(settings, kind_of(settings.curation))
    )


def digest_of_inputs(inputs: Inputs) -> str:
    """Return a digest of the states of all tables, of the takedown list and of which data sets were handed on."""
    told = [states_of(inputs), sorted(inputs.forgotten), inputs.store.names(MANIFESTS)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def known_of_whole(generation: str, settings: JudgeSettings, inputs: str, troubles: Iterable[Trouble]) -> Known:
    """Return what is known of a corpus whose uploads were all judged together; `inputs`: `digest_of_inputs`."""
    told = sorted((one.key.photo, one.key.version, one.reason, one.error) for one in troubles)
    wanted = digest_of_settings(settings, kind_of(settings.curation))
    return Known(wanted, generation, inputs, troubles=told)
