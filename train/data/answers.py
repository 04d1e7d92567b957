"""Answers: what a network says of photographs, crop by crop, under any conditions, and the file that holds it.

Photographs are judged as the challenge's were: the photograph's middle is changed as the condition says (not at all,
compressed, resized …), of the result the central square of 512 px is taken, or all of a smaller one, and from that
square come crops at the places that prediction takes as well (`train.data.crops.fixed_rectangles`).
`train.outer_crop_px` has no part in this: it is the window in which training manipulates. Where the 8×8 grid of the
photograph's own JPEG begins is told, since the whole photograph is known, but not how it was resized;
`Condition.offset_px` moves crops off the grid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn

from corpus.errors import StageError, StorageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import Corrupt, TileReader
from shards.restarts import Rectangle
from train.data.crops import SQUARE_PX, fixed_rectangles, to_tensor
from train.data.loading import load
from train.data.manipulations import MANIPULATIONS, Picture
from train.data.skipped import Skipped, Tally
from train.model.network import mixed_precision
from train.model.scores import crops_together, softmax

Change = Callable[[Picture], Picture]
Numbers = npt.NDArray[np.int64]

FILE = "answers.arrow"

_WINDOW_STEP_PX = 16  # windows start and end on whole MCUs of 4:2:0, so that compression finds the photograph's grid
_MARGIN_PX = 16  # on each side: what a window's border does to its pixels stays outside the square
_CROPS_AT_ONCE = 32
"""Crops that a loader makes before it hands them on, where one photograph has not more."""

_SCHEMA = pa.schema(
    [
        ("photo", pa.string()), ("device", pa.string()), ("label", pa.int32()), ("condition", pa.string()),
        ("crop", pa.int32()), ("logits", pa.list_(pa.float32())),
    ]
)  # fmt: skip


def unchanged(picture: Picture) -> Picture:
    """Return the picture as it is."""
    return picture


@dataclass(frozen=True)
class Condition:
    """One way in which photographs are judged; its functions are sent to loaders, so they must be picklable."""

    name: str
    change: Change = unchanged
    """What happens to the photograph: a picture (uint8, height × width × 3, RGB) → a picture."""
    scale: float = 1.0
    """By how much `change` resizes: it says how large a window is needed. Where crops are taken does not depend on it,
    since whoever judges a photograph does not know it."""
    view: Change = unchanged
    """What happens to each crop: turns, mirror images."""
    offset_px: tuple[int, int] = (0, 0)
    """How far right of and below the grid crops start, 0 to 7 px."""
    in_turn: tuple["Condition", ...] = ()
    """Conditions that photographs take turns at, instead of this one's change (see `turns_of`)."""

    def of(self, turn: int) -> "Condition":
        """Return what a photograph is judged under whose turn it is: the turn mod M-th of M."""
        return self.in_turn[turn % len(self.in_turn)] if self.in_turn else self


UNALTERED = Condition("unaltered")
MANIPULATED = tuple(
    Condition(name, each.apply, each.strength if each.kind == "scale" else 1.0) for name, each in MANIPULATIONS.items()
)
CHALLENGE = (UNALTERED, *MANIPULATED)
"""The challenge's conditions: unaltered, and the eight manipulations."""
QUICK = (UNALTERED, Condition("manipulated", in_turn=MANIPULATED))
"""Each photograph unaltered, and after one of the eight manipulations in turn."""
OFF_GRID_PX = (3, 5)
OFF_GRID = (
    Condition(UNALTERED.name, offset_px=OFF_GRID_PX),
    Condition("manipulated", in_turn=tuple(replace(each, offset_px=OFF_GRID_PX) for each in MANIPULATED)),
)
"""The same with crops that begin off the grid, as those of a photograph whose grid is not found do."""


def turns_of(labels: Numbers) -> list[int]:
    """Return the turns of photographs with these labels: those of each camera count from a number of their own.

    Photographs that are spread over cameras come from the cameras in turn, so turns over all of them would give each
    camera the same few conditions.
    """
    order = np.argsort(labels, kind="stable")
    _, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
    turns = np.empty(len(labels), np.int64)
    turns[order] = labels[order] + np.arange(len(labels)) - np.repeat(first, counts)
    return turns.tolist()


@dataclass(frozen=True, eq=False)
class Answers:
    """A network's answers for N photographs under some conditions."""

    photos: tuple[str, ...]
    """Names: 16 hex digits."""
    labels: Numbers
    devices: tuple[str, ...]
    """Groups: the device where it is known, else the owner."""
    conditions: tuple[str, ...]
    logits: npt.NDArray[np.float32]
    """Photographs × conditions × crops × cameras; NaN where a photograph has fewer crops."""
    skipped: tuple[Skipped, ...] = field(default=())
    """Photographs that are in none of the above, because their tiles are damaged."""

    def under(self, *conditions: str) -> "Answers":
        """Return the answers under some of the conditions, in this order."""
        places = [self.conditions.index(name) for name in conditions]
        return Answers(self.photos, self.labels, self.devices, conditions, self.logits[:, places], self.skipped)

    def of(self, rows: npt.NDArray[Any]) -> "Answers":
        """Return the answers for some of the photographs, by their rows or a mask."""
        numbers = np.arange(len(self.photos))[rows]
        photos, devices = (tuple(names[row] for row in numbers) for names in (self.photos, self.devices))
        return Answers(photos, self.labels[numbers], devices, self.conditions, self.logits[numbers], self.skipped)

    def log_probabilities(self, crops: int | None = None) -> npt.NDArray[np.float64]:
        """Return the mean log-probabilities over the first `crops` crops: photographs × conditions × cameras.

        Their softmax is the geometric mean of the crops' probabilities, scaled to a sum of 1.
        """
        return crops_together(self.logits[:, :, :crops])

    def probabilities(self, crops: int | None = None, temperature: float = 1.0) -> npt.NDArray[np.float64]:
        """Return the probabilities, photographs × conditions × cameras: the crops' geometric mean; a row sums to 1."""
        return softmax(self.log_probabilities(crops) / temperature)

    def right(self, crops: int | None = None) -> npt.NDArray[np.bool_]:
        """Return whether the likeliest camera is the true one: photographs × conditions."""
        answered: npt.NDArray[np.bool_] = self.log_probabilities(crops).argmax(axis=2) == self.labels[:, None]
        return answered


def judge(
    network: nn.Module,
    device: torch.device,
    store: Store,
    index: Index,
    photo_rows: Numbers,
    settings: Training,
    *,
    conditions: Sequence[Condition],
    crops: int,
    crop_px: int | None = None,
    outputs: int | None = None,
) -> Answers:
    """Return the answers for these photographs, in their order, without those whose tiles are damaged.

    `crops`: the most crops for each condition. `crop_px`: their edge, where it is not `train.crop_px`. `outputs`: the
    numbers that the network gives for a crop, where they are not one for each camera of the index. Raises StageError
    where too many tiles are damaged, ValueError for a tile that holds no crop under a condition.
    """
    pictures = _Pictures(store, index, tuple(conditions), crops, crop_px or settings.crop_px)
    at_once = max(1, _CROPS_AT_ONCE // (len(conditions) * crops))
    each = list(zip(range(len(photo_rows)), turns_of(index.labels(photo_rows)), photo_rows.tolist(), strict=True))
    wanted = (each[first : first + at_once] for first in range(0, len(each), at_once))
    logits = np.full((len(photo_rows), len(conditions), crops, outputs or len(index.classes)), np.nan, np.float32)
    skipped = Tally()
    network.eval()
    for several in load(pictures, wanted, settings.loaders):
        for number, conditions_of_one in several:
            if isinstance(conditions_of_one, Skipped):
                skipped.add([conditions_of_one])
                if fault := skipped.fault(len(photo_rows), "photographs", index.generation):
                    raise StageError(fault)
                continue
            found = network_logits(network, device, torch.cat(conditions_of_one), settings.batch).numpy()
            ends = np.cumsum([len(part) for part in conditions_of_one])
            for place, part in enumerate(np.split(found, ends[:-1])):
                logits[number, place, : len(part)] = part
    used = np.delete(np.arange(len(photo_rows)), [each.number for each in skipped.named])
    return Answers(
        tuple(index.photo_names(photo_rows[used])),
        index.labels(photo_rows[used]),
        tuple(index.group_names(photo_rows[used])),
        tuple(condition.name for condition in conditions),
        logits[used],
        tuple(skipped.named),
    )


@torch.inference_mode()
def network_logits(network: nn.Module, device: torch.device, crops_nchw: Tensor, batch: int) -> Tensor:
    """Return the logits of uint8 crops N×3×H×W, `batch` of them at a time, as float32 on the CPU."""
    with mixed_precision(device):
        parts = [network(part.to(device, non_blocking=True)).float().cpu() for part in torch.split(crops_nchw, batch)]
    return torch.cat(parts)


def publish_answers(store: Store, directory: str, answers: Answers) -> None:
    """Publish the answers as `answers.arrow` of a run's folder: a row for each photograph, condition and crop."""
    here = ~np.isnan(answers.logits[..., 0])
    photo, condition, crop = np.nonzero(here)
    classes = answers.logits.shape[-1]
    flat = pa.array(answers.logits[here].reshape(-1), pa.float32())
    offsets = pa.array(np.arange(len(photo) + 1) * classes, pa.int32())
    columns = [
        pa.array(answers.photos, pa.string()).take(pa.array(photo)),
        pa.array(answers.devices, pa.string()).take(pa.array(photo)),
        pa.array(answers.labels[photo], pa.int32()),
        pa.array(answers.conditions, pa.string()).take(pa.array(condition)),
        pa.array(crop, pa.int32()),
        pa.ListArray.from_arrays(offsets, flat),
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(pa.table(columns, schema=_SCHEMA))
    store.publish(f"{directory}/{FILE}", sink.getvalue().to_pybytes())


def read_answers(store: Store, directory: str) -> Answers:
    """Return the answers of a run's folder; raises StorageError where they are missing or are none."""
    path = f"{directory}/{FILE}"
    if not store.exists(path):
        raise StorageError(
            f"{store.url}: {directory} has no {FILE}; shutterprint evaluate {directory.rpartition('/')[2]} --full "
            "writes that of a run again"
        )
    try:
        with pa.ipc.open_file(pa.BufferReader(store.read(path))) as file:
            table = file.read_all()
        if not table.schema.equals(_SCHEMA):
            raise ValueError("it has other columns than this version reads")
        return _from_table(table)
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise StorageError(f"{store.url}: {path} is not a file of answers: {error}") from error


def _from_table(table: pa.Table) -> Answers:
    named, told = table["photo"].to_pylist(), table["condition"].to_pylist()
    photos, conditions = list(dict.fromkeys(named)), list(dict.fromkeys(told))
    row_of = {name: row for row, name in enumerate(photos)}
    place_of = {name: place for place, name in enumerate(conditions)}
    rows, places = np.array([row_of[name] for name in named]), np.array([place_of[name] for name in told])
    crops = table["crop"].to_numpy()
    values = table["logits"].combine_chunks()
    classes = len(values.values) // max(len(named), 1)
    logits = np.full((len(photos), len(conditions), int(crops.max(initial=-1)) + 1, classes), np.nan, np.float32)
    logits[rows, places, crops] = values.values.to_numpy().reshape(len(named), classes)
    labels = np.zeros(len(photos), np.int64)
    labels[rows] = table["label"].to_numpy()
    device_of = dict(zip(named, table["device"].to_pylist(), strict=True))
    return Answers(tuple(photos), labels, tuple(device_of[name] for name in photos), tuple(conditions), logits)


@dataclass(frozen=True)
class _Pictures:
    """The crops of photographs, by (place in the answers, turn, row of the index): a tensor for each condition."""

    store: Store
    index: Index
    conditions: tuple[Condition, ...]
    crops: int
    crop_px: int

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _reader(self) -> TileReader:
        return TileReader(self.store, self.index)

    def __getitems__(self, numbers: Sequence[tuple[int, int, int]]) -> list[tuple[int, list[Tensor] | Skipped]]:
        """Return each photograph's place with its crops, or with what is wrong with its central tile."""
        rows = self.index.central_tiles(np.array([photo_row for _, _, photo_row in numbers], np.int64))
        sizes = zip(
            self.index.tiles.at("width_px", rows).tolist(),
            self.index.tiles.at("height_px", rows).tolist(),
            strict=True,
        )
        of_each = [[condition.of(turn) for condition in self.conditions] for _, turn, _ in numbers]
        windows = [
            middle(width_px, height_px, min(condition.scale for condition in conditions))
            for (width_px, height_px), conditions in zip(sizes, of_each, strict=True)
        ]
        result: list[tuple[int, list[Tensor] | Skipped]] = []
        regions = self._reader.regions(rows, windows)
        for (number, _, _), conditions, region in zip(numbers, of_each, regions, strict=True):
            if isinstance(region, Corrupt):
                result.append((number, Skipped(number, 0, region.key, region.tar, region.what)))
                continue
            crops = [condition_crops(region.pixels, each, self.crop_px, self.crops) for each in conditions]
            result.append((number, [to_tensor(each) for each in crops]))
        return result


def middle(width_px: int, height_px: int, scale: float = 1.0) -> Rectangle:
    """Return the window of a tile, or of a part that starts on its grid, that a condition of a scale must see.

    Resized, it holds the challenge's square and a margin, or all that there is; it starts on whole MCUs.
    """
    wanted_px = SQUARE_PX / scale + 2 * _MARGIN_PX
    edge_px = int(-(-wanted_px // _WINDOW_STEP_PX) * _WINDOW_STEP_PX)
    sides = [min(edge_px, whole_px) for whole_px in (width_px, height_px)]
    x_px, y_px = (
        (whole_px - side) // 2 // _WINDOW_STEP_PX * _WINDOW_STEP_PX
        for whole_px, side in zip((width_px, height_px), sides, strict=True)
    )
    return x_px, y_px, sides[0], sides[1]


def condition_crops(window: Picture, condition: Condition, crop_px: int, crops: int) -> list[Picture]:
    """Return up to `crops` crops of a photograph's middle under a condition.

    `window`: pixels whose upper left corner is on the photograph's grid. Raises ValueError where no crop fits.
    """
    x_px, y_px, width_px, height_px = middle(window.shape[1], window.shape[0], condition.scale)
    picture = condition.change(window[y_px : y_px + height_px, x_px : x_px + width_px])
    places = fixed_rectangles(picture.shape[1], picture.shape[0], crop_px, crops, condition.offset_px)
    return [condition.view(picture[y : y + crop_px, x : x + crop_px]) for x, y, *_ in places]
