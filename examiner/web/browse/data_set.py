"""Data set: what generations say, for people who look through them: figures, photographs page by page, one photograph.

Names come from outside. Each is looked up in a listing of the store or in a generation's table, and only what stands
there is used to read files.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.configuration import Configuration
from corpus.errors import StageError, StorageError
from corpus.storage import Store
from corpus.takedowns import is_taken_down, taken_down
from corpus.text import leading_number
from curation.generations import FOLDER, FUNNEL, Past, batches_of
from curation.inspection.compare import differences
from curation.inspection.lookup import find_recorded
from curation.publishing.report.thumbnails import thumbnail
from curation.reasons import REASONS

PAGE_PHOTOS = 48
ORIGINAL_MAX_BYTES = 128 << 20
_SHOWN = ("photo", "version", "kept", "reasons", "camera", "split", "width_px", "height_px", "quality_factor",
          "licence", "page_url", "original")  # fmt: skip
_PRIVATE_ROW = frozenset({"original"})


class UnknownError(LookupError):
    """A name stands in no listing."""


def generations(store: Store) -> list[dict[str, Any]]:
    """Return all generations, the newest first: {name, photos, kept, cameras}."""
    names = sorted(store.done_names(FOLDER), key=leading_number, reverse=True)
    return [{"name": name} | _totals(store, name) for name in names]


def figures(store: Store, generation: str) -> dict[str, Any]:
    """Return a generation's `funnel.json`."""
    found: dict[str, Any] = store.read_json(f"{FOLDER}/{_known(store, generation)}/{FUNNEL}")
    return found


def photographs(
    store: Store, generation: str, *, camera: str | None = None, reason: str | None = None, after: str = ""
) -> dict[str, Any]:
    """Return a page of a generation's photographs, in the order of their keys: {photographs, after}.

    `reason`: those refused by it, `kept` for those that are kept, None for all. `after`: of the page before; None in
    the answer where nothing follows. What was taken down since is left out.
    """
    gone = taken_down(store)
    found: list[dict[str, Any]] = []
    for batch in batches_of(store, _known(store, generation), list(_SHOWN)):
        keys = batch.column("photo")
        if len(keys) and _place(keys[-1].as_py(), batch.column("version")[-1].as_py()) <= after:
            continue
        for row in batch.to_pylist():
            place = _place(row["photo"], row["version"])
            if place <= after or row["photo"] in gone or not _matches(row, camera, reason):
                continue
            if len(found) == PAGE_PHOTOS:
                return {"photographs": found, "after": _place(found[-1]["photo"], found[-1]["version"])}
            found.append(
                {name: value for name, value in row.items() if name not in _PRIVATE_ROW}
                | {"has_picture": row["original"] is not None}
            )
    return {"photographs": found, "after": None}


def small_picture(store: Store, generation: str, photo: str, version: str) -> bytes:
    """Return a photograph's thumbnail as a JPEG; raises UnknownError where there is none to draw."""
    row = _row(store, generation, photo, version)
    path = row["original"]
    if path is None or is_taken_down(store, photo):
        raise UnknownError("No original of this photograph is stored.")
    try:
        drawn = None if store.size_bytes(path) > ORIGINAL_MAX_BYTES else thumbnail(store.read(path))
    except StorageError as error:  # taken down since
        raise UnknownError("No original of this photograph is stored.") from error
    if drawn is None:
        raise UnknownError("This photograph cannot be drawn.")
    return drawn


def explained(configuration: Configuration, generation: str, photo: str, version: str) -> dict[str, Any]:
    """Return the evidence about one photograph and its verdict, as `shutterprint explain --json` gives them."""
    row = _row(configuration.store, generation, photo, version)
    from curation.explain import explanation  # here: importing Dask takes seconds, and nothing else needs it

    try:
        found = find_recorded(configuration, row["photo"], row["version"])
    except StageError as error:
        raise UnknownError("No record is of this photograph any more.") from error
    return explanation(configuration, found)


def compared(store: Store, before: str, after: str) -> dict[str, Any]:
    """Return what changed from one generation to another, as `shutterprint diff --json` gives it."""
    return differences(store, _known(store, before), _known(store, after))


def reasons() -> dict[str, str]:
    """Return the sentence of each reason."""
    return dict(REASONS)


def _known(store: Store, generation: str) -> str:
    """Return the name of a generation as the store lists it; raises UnknownError where it does not."""
    for name in store.done_names(FOLDER):
        if name == generation:
            return name
    raise UnknownError("There is no such generation.")


def _row(store: Store, generation: str, photo: str, version: str) -> Mapping[str, Any]:
    where = [[("photo", "=", photo), ("version", "=", version)]]
    rows = Past(store, _known(store, generation)).matching(where, ["photo", "version", "original"])
    if not rows:
        raise UnknownError("The generation has no such photograph.")
    return rows[0]


def _totals(store: Store, generation: str) -> dict[str, Any]:
    told = store.read_json(f"{FOLDER}/{generation}/{FUNNEL}")
    kept = [name for name, each in told["cameras"].items() if each["kept"]]
    return {"photos": told["photos"], "kept": told["kept"], "cameras": len(kept)}


def _matches(row: Mapping[str, Any], camera: str | None, reason: str | None) -> bool:
    if camera is not None and row["camera"] != camera:
        return False
    refused_by: Sequence[str] = row["reasons"] or ()
    return reason is None or (bool(row["kept"]) if reason == "kept" else reason in refused_by)


def _place(photo: str, version: str | None) -> str:
    return f"{photo}\t{version or ''}"
