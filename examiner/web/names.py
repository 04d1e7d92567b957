"""Names: which generation and which run `latest` means, found without loading them."""

from corpus.errors import StageError
from corpus.storage import Store
from curation.generations import generation_named
from examiner.web.app import Knows
from examiner.web.browse.runs import runs


def knows_of(store: Store, generation: str | None, run: str | None) -> Knows:
    """Return what examinations use, for people; raises StageError where there is no such generation or run."""
    if run == "latest":
        finished = [each["name"] for each in runs(store) if each["finished"]]
        if not finished:
            raise StageError(f"{store.url}: there is no finished run; train one first")
        run = finished[0]
    return Knows(generation_named(store, generation) if generation else None, run)
