"""Find what the store's working files hold of photos, and remove it for good.

Working files are the records of windows, whole or not, the checkpoints of unfinished windows, manifests that were
handed on, originals, and facts.
Every step may be cut off and repeated. What cannot be read is reported as a sentence, and the rest is done.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import StorageError, StorageUnavailableError
from corpus.leases import CURATION_UNIT, LEASES, held
from corpus.manifests import handed_on
from corpus.records import original_path
from corpus.storage import Store
from corpus.takedowns import READ_AT_ONCE, apply_takedowns
from corpus.text import unique_slug
from crawlers.forget.photo_names import plain_page
from crawlers.windows import checkpoint
from crawlers.windows.markers import STATES, Marker, keep_listed_at
from crawlers.windows.records import Row, read_rows, table
from crawlers.windows.work_units import leases_folder, unit_of

Problems = list[str]

JUDGING = "judging"
"""As `curation.cluster.frames` has it, which imports Dask: most of a short command's start."""

COLUMNS = ("photo", "version", "sha256", "page_url", "reasons")  # the columns of records that are read to find a photo


def record_tables(store: Store) -> list[str]:
    """Return the paths of all tables of records: those of windows, whole or not, and of checkpoints."""
    paths = []
    for source in store.names("crawl"):
        windows = [name for name in store.names(f"crawl/{source}") if not name.startswith("_")]
        paths += [f"crawl/{source}/{window}/records.parquet" for window in windows]
        checkpoints = [f"{checkpoint.folder(source)}/{window}" for window in store.names(checkpoint.folder(source))]
        for folder in checkpoints:
            paths += [f"{folder}/{name}" for name in store.names(folder) if name.endswith(".parquet")]
    return paths


def facts_tables(store: Store) -> list[str]:
    """Return the paths of all tables of facts, including those of other versions of the examiner."""
    kinds = [f"facts/{kind}" for kind in store.names("facts")]
    return [f"{kind}/{name}" for kind in kinds for name in store.names(kind) if name.endswith(".parquet")]


def manifests(store: Store) -> list[str]:
    """Return the paths of the manifests that were handed on to the store."""
    return [f"{handed_on.FOLDER}/{name}" for name in store.names(handed_on.FOLDER)]


def search(
    store: Store, paths: Iterable[str], column: str, values: Collection[str], columns: Iterable[str], problems: Problems
) -> Iterator[tuple[str, list[Row]]]:
    """Yield each table that has rows with one of `values` in `column`, and those rows.

    A table that is gone is skipped (a running crawl tidies up); one that is damaged is added to `problems`.
    """
    wanted = pa.array(sorted(values), pa.string())
    names = list(dict.fromkeys([column, *columns]))

    def rows_of(path: str) -> list[Row]:
        whole = read(store, path, names, problems)
        if whole is None:
            return []
        return list(whole.filter(pc.is_in(whole[column], value_set=wanted)).to_pylist())

    paths = list(paths)
    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        for path, rows in zip(paths, threads.map(rows_of, paths), strict=True):
            if rows:
                yield path, rows


def read(store: Store, path: str, columns: list[str] | None, problems: Problems) -> pa.Table | None:
    """Return some columns of a table, None where it is gone or damaged; a damaged one is added to `problems`."""
    try:
        whole = store.read_table(path, columns)
        return whole.select(columns) if columns else whole
    except (StorageError, StorageUnavailableError, KeyError, ValueError, OSError) as error:
        if store.exists(path):  # raises where the whole storage does not answer
            problems.append(f"{path}: cannot be read ({error}); restore it, or remove it and its folder's marker")
        return None


def photos_of_pages(store: Store, pages: Collection[str], problems: Problems) -> dict[str, set[str]]:
    """Return the photos whose records name each page; pages are in their plain form (`photo_names.plain_page`)."""
    photos: dict[str, set[str]] = {page: set() for page in pages}

    def add_from(path: str) -> None:
        rows = read(store, path, ["photo", "page_url"], problems)
        for row in rows.to_pylist() if rows is not None else ():
            if row["page_url"] and (page := plain_page(row["page_url"])) in photos:
                photos[page].add(row["photo"])

    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        list(threads.map(add_from, record_tables(store)))
    return photos


def strip_records(store: Store, photos: Collection[str], problems: Problems) -> Counter[str]:
    """Reduce the rows of photos in all tables to `corpus.takedowns.forgotten_row`; return how many of each changed.

    The records are written before their window's marker, so that repeating this makes the marker right again.
    """
    stripped: Counter[str] = Counter()
    for path in [path for path, _ in search(store, record_tables(store), "photo", photos, [], problems)]:
        folder = path.removesuffix("/records.parquet")
        try:
            marker = store.done(folder) if folder != path else None
        except (StorageError, StorageUnavailableError) as error:
            store.exists(path)
            problems.append(f"{path}: cannot be rewritten ({error})")
            continue
        # a crawl may write a whole window anew; for one that is not whole yet, the crawl asks the takedown list
        details = marker.get("details") if marker is not None else None
        leases = leases_folder(path.split("/")[1])
        with held(store, leases, unique_slug(unit_of(details))) if details else nullcontext(True) as lease:
            if lease is None:
                problems.append(f"{folder}: a crawl is at work on it; give the same command again when that has ended")
                continue
            try:
                stripped.update(_strip(store, path, photos))
                if marker is not None and (marker := store.done(folder)) is not None:
                    if "query" in marker.get("details", {}):
                        keep_listed_at(store, folder)
                    rows = store.read_table(path, ["state"]).to_pylist()
                    store.mark_done(folder, corrected_marker(marker, rows, photos))
            except (StorageError, ValueError) as error:
                problems.append(f"{path}: cannot be rewritten ({error})")
    return stripped


def strip_manifests(store: Store, photos: Collection[str], problems: Problems) -> Counter[str]:
    """Remove the rows of photos from all manifests; return how many of each there were."""
    removed: Counter[str] = Counter()
    for name in handed_on.names_in(store) if photos else ():
        try:
            removed += handed_on.without(store, name, photos)
        except StorageError as error:
            problems.append(str(error))
    return removed


def remove_judging(store: Store) -> None:
    """Remove the tables that a curation which was killed has left, which hold rows of all photos.

    A curation that is at work removes its own when it ends.
    """
    if store.names(JUDGING):
        with held(store, LEASES, CURATION_UNIT) as lease:
            if lease is not None:
                store.remove(JUDGING)


def _strip(store: Store, path: str, photos: Collection[str]) -> list[str]:
    rows = read_rows(store, path)
    stripped = apply_takedowns(rows, photos)
    changed = [str(row["photo"]) for row, after in zip(rows, stripped, strict=True) if row != after]
    if changed:
        store.publish_table(path, table(stripped))
    return changed


def corrected_marker(marker: Marker, rows: Iterable[Row], photos: Collection[str]) -> Marker:
    """Return a window's marker with the counts of its rows, and without `photos` among those to retry."""
    states = Counter(row["state"] for row in rows)
    counts: Marker = {state: states[state] for state in STATES if state in marker}
    if "retry" in marker:
        counts["retry"] = {photo: moment for photo, moment in marker["retry"].items() if photo not in photos}
    return {**marker, **counts}


def originals_of(store: Store, photo: str) -> list[str]:
    """Return the paths of the originals of all versions of a photo, whether a record names them or not."""
    folder, _, name = original_path(photo, "").rpartition("/")
    pattern = re.compile(re.escape(name.removesuffix(".jpg")) + r"[0-9a-f]{10}\.jpg")
    return [f"{folder}/{file}" for file in store.names(folder) if pattern.fullmatch(file)]


def remove_originals(store: Store, photos: Collection[str]) -> Counter[str]:
    """Remove all originals of photos; return how many of each."""
    removed: Counter[str] = Counter()
    for photo in sorted(photos):
        for path in originals_of(store, photo):
            store.remove(path)
            removed[photo] += 1
    return removed


def remove_facts(store: Store, photos: Collection[str], problems: Problems) -> Counter[str]:
    """Rewrite the tables of facts without the rows of photos; return how many of each there were.

    A table that would be empty is removed: its name would otherwise say that its photos have been examined.
    """
    removed: Counter[str] = Counter()
    wanted = pa.array(sorted(photos), pa.string())
    for path, rows in search(store, facts_tables(store), "photo", photos, [], problems):
        whole = store.read_table(path)
        rest = whole.filter(pc.invert(pc.is_in(whole["photo"], value_set=wanted)))
        if len(rest):
            store.publish_table(path, rest)
        else:
            store.remove(path)
        removed.update(row["photo"] for row in rows)
    return removed
