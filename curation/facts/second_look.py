"""Second look: what a worker says of an original becomes a verdict only where this machine sees the same.

A missing original may be a worker's missing mount, other bytes its damaged disk, a dead worker a machine with little
memory. So the machine that publishes looks itself: at the store, and, for an original that ends its worker, in a
process of its own. Where the two differ, or where this machine is in trouble, too, the run ends with a sentence, and
nothing is published.
"""

from corpus.errors import StageError
from corpus.records import ExaminedRow, full_row
from corpus.storage import Store
from curation.cluster.alone import Alone, Ended
from curation.facts.examine import (
    KILLS_EXAMINER,
    ORIGINAL_DAMAGED,
    ORIGINAL_LOST,
    Batch,
    Original,
    Trouble,
    examine_alone,
    publish_facts,
    stored_bytes,
)

LOST_MAX = 0.01
"""The largest share of the stored originals that may be lost; beyond that the storage is in trouble, not originals."""


def confirmed(store: Store, original: Original, kind: str, said: Trouble, alone: Alone) -> Trouble | None:
    """Return why an original has no facts of its bytes, where this machine finds what a worker said.

    None where it needed more memory than the worker had, and has its facts now. Raises StageError where this machine
    finds something else than the worker.
    """
    if said.reason in (ORIGINAL_LOST, ORIGINAL_DAMAGED):
        here = stored_bytes(store, original)
        if here == said:
            return said
        seen = here.error if isinstance(here, Trouble) else f"{original.path}: there, as its record says"
        raise StageError(
            f"a worker and this machine do not see the same storage {store.url}: the worker says: {said.error}; this "
            f"machine: {seen}. That is the machines' trouble, so nothing is published: look at the worker's mount, "
            "disk and credentials, then give the same command again"
        )
    if said.is_death:
        return next(iter(examined_alone(store, Batch((original,), kind), alone)), None)
    found = alone.call(examine_alone, store, original, kind)
    if isinstance(found, Trouble) and _fault(found, original) == _fault(said, original):
        return said
    seen = f"{original.path}: examined without an error"
    if isinstance(found, Trouble | Ended):
        seen = found.error if isinstance(found, Trouble) else found.how
    raise StageError(
        f"a worker and this machine do not examine alike: the worker says: {said.error}; this machine: {seen}. "
        "That is the machines' trouble, so nothing is published: install the same packages on both, then give the "
        "same command again"
    )


def _fault(trouble: Trouble, original: Original) -> tuple[str, str]:
    """Return a trouble's reason and the kind of its error; the rest of an error's text may vary from run to run."""
    return trouble.reason, trouble.error.removeprefix(f"{original.path}: ").partition(":")[0]


def examined_alone(store: Store, batch: Batch, alone: Alone) -> list[Trouble]:
    """Examine the originals of a batch that ended its worker in another process, one by one, and publish their facts.

    Returns those without facts, and those that ended that process by a fault, too: of these it is a fact that they do,
    so that no later run tries them. Raises StageError where that process ended otherwise.
    """
    if store.exists(batch.path):
        return []
    rows: list[ExaminedRow] = []
    troubles: list[Trouble] = []
    for original in batch.originals:
        found = alone.call(examine_alone, store, original, batch.kind)
        if isinstance(found, Ended):
            text = f"SHA-256 {original.sha256}: examined alone, it ended its process by {found.how}"
            found = Trouble(original.key, KILLS_EXAMINER, text)
            rows.append(full_row(ExaminedRow, {**original.columns, "pixel_error": text}))
        if isinstance(found, Trouble):
            troubles.append(found)
        else:
            rows.append(found)
    publish_facts(store, batch, rows)
    return troubles


def check_lost(store: Store, lost: int, stored: int, example: str) -> None:
    """Raise StageError where more than LOST_MAX of the stored originals are lost; `example`: the path of one."""
    if lost > LOST_MAX * stored:
        raise StageError(
            f"{store.url}: more than {LOST_MAX:.0%} of the {stored:,} stored originals are lost, among them "
            f"{example}; nothing is published: look whether the storage is mounted whole "
            "and restore what is missing, or take these photographs down with python -m crawlers.forget"
        )
