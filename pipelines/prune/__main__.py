"""`python -m pipelines.prune`: remove generations and runs beyond the last ones, and what only they need.

  python -m pipelines.prune --keep-generations 5 --keep-runs 3 --dry-run     say what would be removed
  python -m pipelines.prune --keep-generations 5 --keep-runs 3

Removed are folders of generations and runs, shards and tables that no remaining generation needs, and what killed
writers have left. Originals, records, facts and the newest generation always stay, and so do runs that somebody trains,
has named or has enrolled cameras in, the runs that these start from, and the generation of every run that stays.
Without --keep-generations all generations stay, without --keep-runs all runs. It may be cut off at any moment: of
everything the part that says that it is whole goes first, and the next prune removes the rest. As the last stage of a
pipeline it keeps a store from growing for ever.
"""

import argparse
import posixpath
import time
from collections.abc import Callable, Sequence

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.errors import StageError
from corpus.leases import CURATION_UNIT, LEASES, held, holders
from corpus.receipts import publish_receipt
from corpus.storage import MARKER, Store
from corpus.text import count, escaped, size
from pipelines.prune.needs import CURATED, RUNS, SHARDS, files_below, generations_needed, runs, shared_files
from pipelines.prune.plan import Plan, Removal, plan_pruning

RUN_UNIT = "lease"
"""The lease of a run, as `train.runs.one_trainer` has it."""
_SHOWN_FILES = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m pipelines.prune", __doc__ or "")
    for what in ("generations", "runs"):
        text = f"how many of the last {what} stay (default: all)"
        parser.add_argument(f"--keep-{what}", type=_at_least_one, metavar="N", help=text)
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed and change nothing")
    given = parser.parse_args(arguments)
    configuration = configuration_of(given)
    store, keep = configuration.store, (given.keep_generations, given.keep_runs)
    if given.dry_run:
        plan = plan_pruning(store, *keep, time.time(), configuration.train.start_from)
        print("\n".join(plan_lines(plan, "would remove")))
        return 0
    removed = prune(store, *keep, lambda line: print(line, flush=True), configuration.train.start_from)
    publish_receipt(store, "prune", {"removed": len(removed), "bytes": sum(one.size_bytes for one in removed)})
    return 0


def prune(
    store: Store,
    keep_generations: int | None,
    keep_runs: int | None,
    say: Callable[[str], None],
    start_from: str | None = None,
) -> list[Removal]:
    """Remove what the plan of `plan_pruning` says, after `say` has received its lines; return what was removed.

    What has come to be needed since is left, and `say` receives why. Raises StageError where somebody curates the
    store, StorageError where it cannot be read what stays.
    """
    with held(store, LEASES, CURATION_UNIT) as lease:
        if lease is None:
            raise StageError(f"{store.url}: {_who(store)}; prune again when that one has ended")
        plan = plan_pruning(store, keep_generations, keep_runs, time.time(), start_from)
        for line in plan_lines(plan, "removes"):
            say(line)
        removed, spared = list[Removal](), set[str]()
        for removal in plan.removals:
            if not lease.is_ours():
                raise StageError(f"{store.url}: a curation has taken over; prune again when that one has ended")
            if removal.path in spared:
                continue
            if (why := _needed_now(store, removal)) is not None:
                say(escaped(f"leaves {removal.path}: {why}"))
                spared |= shared_files(store, posixpath.basename(removal.path))
            elif not removal.is_folder or not removal.path.startswith(f"{RUNS}/"):
                remove(store, removal)
                removed.append(removal)
            else:
                with held(store, removal.path, RUN_UNIT) as training:  # so that nobody begins to train it meanwhile
                    if training is None:
                        say(escaped(f"leaves {removal.path}: somebody trains it now"))
                    else:
                        remove(store, removal)
                        removed.append(removal)
    return removed


def _needed_now(store: Store, removal: Removal) -> str | None:
    """Return what needs a generation now, all runs that are left being read again; None where nothing does."""
    folder, _, name = removal.path.partition("/")
    if not removal.is_folder or folder not in (CURATED, SHARDS):
        return None
    return generations_needed(store, runs(store)).get(name)


def remove(store: Store, removal: Removal) -> None:
    """Remove a folder or a file; of a folder all markers first, so that no half of it ever counts as whole.

    A run's own marker goes first, then those of its checkpoints: a training could go on from a damaged one.
    """
    if removal.is_folder:
        paths = [file.path for file in files_below(store, removal.path)]
        markers = [path for path in paths if path.endswith(f"/{MARKER}")]
        for path in sorted(markers, key=lambda path: (path.count("/"), path)):
            store.remove(path)
        store.remove(f"{removal.path}/config.json")  # a run without it has not been begun
    store.remove(removal.path)


def plan_lines(plan: Plan, verb: str) -> list[str]:
    """Return a plan as text: what stays and why, what goes and why, and the sizes."""
    lines = [escaped(f"keeps {path}: {why}") for path, why in plan.stays.items()]
    folders = [one for one in plan.removals if one.is_folder]
    files = [one for one in plan.removals if not one.is_folder]
    lines += [escaped(f"{verb} {one.path}, {size(one.size_bytes)}: {one.why}") for one in folders]
    for why in dict.fromkeys(one.why for one in files):
        of = [one for one in files if one.why == why]
        lines += [escaped(f"{verb} {one.path}, {size(one.size_bytes)}: {why}") for one in of[:_SHOWN_FILES]]
        if rest := of[_SHOWN_FILES:]:
            total = size(sum(one.size_bytes for one in rest))
            lines.append(f"{verb} {count(len(rest), 'more file')}, {total}: {why}")
    lines += plan.notes
    total = size(sum(one.size_bytes for one in plan.removals))
    lines.append(f"in all {count(len(folders), 'folder')} and {count(len(files), 'file')}, {total}")
    return lines


def _at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be 1 or more: the newest one always stays")
    return int(text)


def _who(store: Store) -> str:
    holder = holders(store, LEASES, time.time()).get(CURATION_UNIT)
    return "somebody curates it or has just done so" if holder is None else f"{holder.described()} curates it"


if __name__ == "__main__":
    exit_with(main)
