"""`python -m pipelines.prune`: remove generations and runs beyond the last ones, and what only they need.

  python -m pipelines.prune --keep-generations 5 --keep-runs 3 --dry-run     say what would be removed
  python -m pipelines.prune --keep-generations 5 --keep-runs 3

Removed are folders of generations and runs, shards and tables that no generation needs which stays, and what killed
writers have left. Originals, records, facts and the newest generation always stay, and so do runs that somebody trains
and the generation of every run that stays. Without --keep-generations all generations stay, without --keep-runs all
runs. It may be cut off at any moment: of everything the part that says that it is whole goes first, and the next prune
removes the rest. As the last stage of a pipeline it keeps a store from growing for ever.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.errors import StageError
from corpus.leases import held, holders
from corpus.receipts import publish_receipt
from corpus.storage import MARKER, Store
from corpus.text import count, escaped, size
from pipelines.prune.needs import files_below
from pipelines.prune.plan import Plan, Removal, plan_pruning

LEASES, LEASE_UNIT = "leases", "curation"
"""The lease of `curation.run`, whose own names would load Dask: nobody may publish a generation meanwhile."""
_SHOWN_FILES = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m pipelines.prune", __doc__ or "")
    for what in ("generations", "runs"):
        text = f"how many of the last {what} stay (default: all)"
        parser.add_argument(f"--keep-{what}", type=_at_least_one, metavar="N", help=text)
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed and change nothing")
    given = parser.parse_args(arguments)
    store = configuration_of(given).store
    if given.dry_run:
        plan = plan_pruning(store, given.keep_generations, given.keep_runs, time.time())
        print("\n".join(plan_lines(plan, "would remove")))
        return 0
    plan = prune(store, given.keep_generations, given.keep_runs, lambda line: print(line, flush=True))
    publish_receipt(
        store, "prune", {"removed": len(plan.removals), "bytes": sum(one.size_bytes for one in plan.removals)}
    )
    return 0


def prune(store: Store, keep_generations: int | None, keep_runs: int | None, say: Callable[[str], None]) -> Plan:
    """Remove what the plan of `plan_pruning` says, after `say` has received its lines; return the plan.

    Raises StageError where somebody curates the store, StorageError where it cannot be read what stays.
    """
    with held(store, LEASES, LEASE_UNIT) as lease:
        if lease is None:
            raise StageError(f"{store.url}: {_who(store)}; prune again when that one has ended")
        plan = plan_pruning(store, keep_generations, keep_runs, time.time())
        for line in plan_lines(plan, "removes"):
            say(line)
        for removal in plan.removals:
            if not lease.is_ours():
                raise StageError(f"{store.url}: a curation has taken over; prune again when that one has ended")
            remove(store, removal)
    return plan


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
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1: the newest one always stays")
    return int(text)


def _who(store: Store) -> str:
    holder = holders(store, LEASES, time.time()).get(LEASE_UNIT)
    if holder is None:
        return "somebody curates it or has just done so"
    since = datetime.fromtimestamp(holder.since_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"process {holder.pid} on {holder.host} curates it since {since}"


if __name__ == "__main__":
    exit_with(main)
