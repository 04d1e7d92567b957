"""Index: publishes the index of a generation's shards as `shards/<generation>/`, and reads it.

`samples.parquet` has a row for each tile, `index.json` the classes, tars and failures, `_info.json` the tars in the
form that timm's WebDataset reader needs. A generation without its marker is refused.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import StageError, StorageError
from corpus.records import SPLITS
from corpus.storage import Store
from corpus.text import leading_number
from shards.entries import Failure, ShardEntry, read_entry, read_tiles_table
from shards.plan import ShardPlan

ROOT = "shards"

SAMPLES = pa.schema(
    [
        ("split", pa.string()),
        ("shard", pa.string()),  # file name in shards/tars/
        ("key", pa.string()),
        ("photo", pa.string()),  # hash of key and version: shards.plan.photo_digest
        ("tile", pa.int32()), ("camera", pa.string()), ("label", pa.int32()), ("group", pa.string()),
        ("quality_factor", pa.int32()), ("offset_bytes", pa.int64()), ("length_bytes", pa.int64()),
        ("x_px", pa.int32()), ("y_px", pa.int32()), ("width_px", pa.int32()), ("height_px", pa.int32()),
        ("fold", pa.int32()),  # of its group in cross-validation; null in generations of earlier versions
    ]
)  # fmt: skip
"""`shards/<generation>/samples.parquet`: one row for each tile, ordered by split, shard and place in the tar."""


@dataclass(frozen=True)
class Folds:
    """The folds of a generation's photographs, for cross-validation."""

    number: int
    of: Mapping[str, int]
    """Fold, 0 … number - 1, by photograph (digest)."""


@dataclass(frozen=True)
class Index:
    """One published generation of shards."""

    generation: str
    classes: tuple[str, ...]
    """Camera keys; a label is an index into them."""
    tars: tuple[str, ...]
    """File names in `shards/tars/`."""
    failures: tuple[Failure, ...]
    samples: pa.Table
    """Of schema SAMPLES."""
    folds: int | None = None
    """Number of folds; None in generations of earlier versions."""

    def holding_out(self, fold: int) -> "Index":
        """Return the index for cross-validation: `fold` is the test split, the next one validation, all others train.

        The next fold after the last is 0. Of two folds, the other one trains and there is no validation. Raises
        StageError where there is no such fold.
        """
        if self.folds is None:
            raise StageError(
                f"train.fold: generation {self.generation} was packed by a version without folds; run "
                "python -m curation.run again"
            )
        if not 0 <= fold < self.folds:
            raise StageError(
                f"train.fold: {fold} is none of generation {self.generation}, which has 0 to {self.folds - 1}"
            )
        folds = self.samples["fold"]
        is_next = pc.equal(folds, (fold + 1) % self.folds)
        others = pc.if_else(is_next, "validation", "train") if self.folds > 2 else pa.scalar("train")
        split = pc.if_else(pc.equal(folds, fold), "test", others).cast(pa.string())
        return replace(self, samples=self.samples.set_column(SAMPLES.get_field_index("split"), "split", split))

    def split(self, name: str) -> pa.Table:
        """Return the samples of one split (train, validation, test), in the order of the tars."""
        if name not in SPLITS:
            raise ValueError(f"split {name!r} is not one of {', '.join(SPLITS)}")
        return self.samples.filter(pc.equal(self.samples["split"], name))

    def photos(self, name: str) -> list[str]:
        """Return the photographs (digests) of a split; the first so many are spread evenly over the cameras.

        The order is deterministic: the cameras take turns, each giving its photographs in the order of their digests.
        """
        split = self.split(name)
        by_label: dict[int, set[str]] = {}
        for photo, label in zip(split["photo"].to_pylist(), split["label"].to_pylist(), strict=True):
            by_label.setdefault(label, set()).add(photo)
        queues = [sorted(by_label[label]) for label in sorted(by_label)]
        rounds = max((len(queue) for queue in queues), default=0)
        return [queue[turn] for turn in range(rounds) for queue in queues if turn < len(queue)]


def publish_index(
    store: Store, generation: str, classes: tuple[str, ...], entries: list[ShardEntry], folds: Folds | None = None
) -> Index:
    """Publish the index of a generation, its marker last; a generation that is already whole is left alone.

    Folds stand in the index alone, so that another fold packs no photograph again. An entry without samples contributes
    its failures only. Raises StageError where a photograph is in two shards or a label is not its camera's place in
    `classes`.
    """
    if store.done(f"{ROOT}/{generation}") is not None:
        return read_index(store, generation)
    full = {entry.plan.name: entry for entry in entries if entry.tiles}
    ordered = sorted(full.values(), key=lambda entry: (SPLITS.index(entry.plan.split), entry.plan.name))
    _check(ordered, classes)
    failures = sorted((failure for entry in entries for failure in entry.failures), key=lambda one: one.photo)
    samples = _table(store, ordered, folds.of if folds else {})
    directory = f"{ROOT}/{generation}"
    by_split = {split: [entry for entry in ordered if entry.plan.split == split] for split in SPLITS}
    counts = {
        split: {
            "shards": [entry.plan.name for entry in own],
            "photos": sum(len(entry.plan.photos) for entry in own),
            "tiles": sum(entry.tiles for entry in own),
            "size_bytes": sum(entry.size_bytes for entry in own),
        }
        for split, own in by_split.items()
    }
    store.publish_table(f"{directory}/samples.parquet", samples)
    store.publish_json(f"{directory}/_info.json", _timm_info(by_split))
    listed = [asdict(failure) for failure in failures]
    number = folds.number if folds else None
    content = {
        "generation": generation, "classes": list(classes), "splits": counts, "failures": listed, "folds": number,
    }  # fmt: skip
    store.publish_json(f"{directory}/index.json", content)
    store.mark_done(directory, {"tiles": samples.num_rows, "shards": len(ordered), "failures": len(failures)})
    tars = tuple(entry.plan.name for entry in ordered)
    return Index(generation, classes, tars, tuple(failures), samples, number)


def latest_generation(store: Store) -> str:
    """Return the whole generation of the highest number; raises StorageError where there is none."""
    newest = _newest(store)
    if newest is None:
        raise StorageError(f"{store.url}: {ROOT}/ holds no whole generation; run the curation first")
    return newest


def read_index(store: Store, generation: str) -> Index:
    """Return a whole generation's index; raises StorageError for one that is missing or not whole."""
    directory = f"{ROOT}/{generation}"
    if store.done(directory) is None:
        raise StorageError(f"{store.url}: {directory} is missing or not whole; run the curation again")
    value = store.read_json(f"{directory}/index.json")
    samples = store.read_table(f"{directory}/samples.parquet")
    if "fold" not in samples.column_names:
        samples = samples.append_column(SAMPLES.field("fold"), pa.nulls(samples.num_rows, pa.int32()))
    if samples.schema != SAMPLES:
        raise StorageError(f"{store.url}: {directory}/samples.parquet has other columns than this version reads")
    return Index(
        generation=generation,
        classes=tuple(value["classes"]),
        tars=tuple(tar for split in SPLITS for tar in value["splits"][split]["shards"]),
        failures=tuple(Failure(**failure) for failure in value["failures"]),
        samples=samples,
        folds=value.get("folds"),
    )


def previous_plans(store: Store, generation: str | None = None) -> list[ShardPlan]:
    """Return the plans of a generation's shards, by default of the newest; none where there is no generation yet."""
    generation = generation or _newest(store)
    if generation is None:
        return []
    return [read_entry(store, tar).plan for tar in read_index(store, generation).tars]


def _newest(store: Store) -> str | None:
    """Return the generation of the highest number; names are `<number>-<digest>`, and 10000 follows 9999."""
    return max(store.done_names(ROOT), key=lambda name: (leading_number(name), name), default=None)


def _check(entries: list[ShardEntry], classes: tuple[str, ...]) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        for photo in entry.plan.photos:
            if photo.photo in seen:
                raise StageError(f"photo {photo.photo} is in {seen[photo.photo]} and in {entry.plan.name}")
            seen[photo.photo] = entry.plan.name
            if classes[photo.label : photo.label + 1] != (photo.camera,):
                raise StageError(
                    f"{entry.plan.name}: label {photo.label} is not camera {photo.camera} in the classes "
                    f"{', '.join(classes)}; plan the shards again"
                )


def _table(store: Store, entries: list[ShardEntry], folds: Mapping[str, int]) -> pa.Table:
    rows = []
    for entry in entries:
        photos = {photo.photo: photo for photo in entry.plan.photos}
        for sample in read_tiles_table(store, entry.plan.name, _TOLD).to_pylist():
            photo = photos[sample["photo"]]
            rows.append(
                sample
                | {"key": f"{photo.photo}_{sample['tile']}"}
                | {"split": entry.plan.split, "shard": entry.plan.name, "camera": photo.camera, "group": photo.group}
                | {"quality_factor": photo.quality_factor, "fold": folds.get(photo.photo)}
            )
    return pa.Table.from_pylist(rows, schema=SAMPLES)


_TOLD = ["photo", "tile", "label", "offset_bytes", "length_bytes", "x_px", "y_px", "width_px", "height_px"]


def _timm_info(by_split: dict[str, list[ShardEntry]]) -> dict[str, object]:
    """Return the content of `_info.json` for timm's `ReaderWds`; tars are named relative to the generation's folder."""
    return {
        "splits": {
            split: {
                "name": split,
                "filenames": [f"../tars/{entry.plan.name}" for entry in own],
                "shard_lengths": [entry.tiles for entry in own],
                "num_samples": sum(entry.tiles for entry in own),
            }
            for split, own in by_split.items()
        }
    }
