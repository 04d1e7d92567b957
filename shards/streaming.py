"""Streaming: reads a split's tars whole, one after another, through webdataset's own pipeline.

It is for storage that streams well and seeks badly: one request for every 4 MiB, instead of one for each crop. What it
promises is less than what the exact reader (`shards.reader`) does:

- *How often.* Endless, each loader draws tars at random, again and again: a tile comes about once in as many draws as
  there are tiles, classes as often as they have tiles, and tiles of small tars somewhat more often. With
  `endless=False` each tar comes once, to one loader. Nothing is balanced.
- *Order.* A function of (seed, epoch, rank, loader, ranks, loaders), shuffled among `shuffle_tiles` of a loader. A run
  that resumes begins its epoch anew, and another number of ranks or loaders gives another sequence.
- *Bytes.* Whole tars are read, whatever the crop.
- *Damage.* Bytes of a tile are not compared with a checksum. A tar that breaks off, or cannot be parsed, is read as far
  as it goes, and what is missing is told.
- *No waiting.* No rank waits for another, and endless streams never end, so neither more ranks and loaders than tars
  nor tars of different sizes hang anything; whoever trains bounds the steps.

Only members `.cls`, `.jpg` and `.json` are read; webdataset decodes nothing, so that no pickle among the members runs.
"""

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import webdataset
from torch.utils.data import IterableDataset, get_worker_info
from webdataset.gopen import gopen, gopen_schemes
from webdataset.tariterators import group_by_keys, tar_file_expander

from corpus.errors import StageError, StorageError, StorageUnavailableError
from corpus.storage import Store
from corpus.storage.errors import attempted, unavailable
from shards.remote.cache import LocalCache
from shards.remote.streams import open_stream

MEMBERS = (".cls", ".jpg", ".json")
_PHOTO = re.compile("[0-9a-f]{16}")
SHUFFLE_TILES = 500
"""Tiles that a loader shuffles among: about 150 MB of 1024 px tiles."""


@dataclass(frozen=True, slots=True)
class StreamedTile:
    """One stored tile as its tar describes it: of `shards.reader.Tile`, what needs no index. Sizes in pixels."""

    key: str
    photo: str
    tile: int
    camera: str
    label: int
    width_px: int
    height_px: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Unread:
    """What of a tar was not read: tiles that are broken, or all that would follow."""

    tar: str
    tiles: int
    """How many tiles of the tar did not come."""
    reason: str


@dataclass(frozen=True)
class SplitTars:
    """The tars of a split: paths in the store, and how many tiles each has."""

    paths: tuple[str, ...]
    tiles: tuple[int, ...]


def split_tars(store: Store, generation: str, split: str) -> SplitTars:
    """Return the tars of a split of a generation, as its `_info.json` lists them; raises StageError for none."""
    value = store.read_json(f"shards/{generation}/_info.json")
    try:
        listed = value["splits"][split]
        paths = tuple(f"shards/{name.removeprefix('../')}" for name in listed["filenames"])
        tiles = tuple(int(number) for number in listed["shard_lengths"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"{store.url}: shards/{generation}/_info.json does not list split {split}") from error
    if not paths:
        raise StageError(f"generation {generation} has no tile in split {split}; crawl more, then curate again")
    return SplitTars(paths, tiles)


class TarStream(IterableDataset[StreamedTile | Unread]):
    """Tiles of one rank from whole tars, and what had to be skipped; in a DataLoader each worker takes its own part.

    `endless`: draw tars at random for ever; otherwise each tar comes once to one of all loaders of all ranks, some of
    which may get none. `cache`: keep whole tars of an object store on this machine. `wanted`: photographs (digests) to
    yield, all where None. Raises StorageUnavailableError where the storage does not answer; a tar that is missing or
    broken is told as Unread instead.
    """

    def __init__(
        self,
        store: Store,
        tars: SplitTars,
        *,
        seed: int = 0,
        epoch: int = 0,
        rank: int = 0,
        ranks: int = 1,
        endless: bool = True,
        shuffle_tiles: int = SHUFFLE_TILES,
        cache: LocalCache | None = None,
        wanted: Callable[[str], bool] | None = None,
    ) -> None:
        if not 0 <= rank < ranks:
            raise ValueError(f"rank {rank} is not one of {ranks}")
        self.store, self.tars, self.cache, self.wanted = store, tars, cache, wanted
        self.seed, self.epoch, self.rank, self.ranks = seed, epoch, rank, ranks
        self.endless, self.shuffle_tiles = endless, shuffle_tiles

    def __iter__(self) -> Iterator[StreamedTile | Unread]:
        """Yield this loader's tiles."""
        worker = get_worker_info()
        number, loaders = (0, 1) if worker is None else (worker.id, worker.num_workers)
        own_seed = f"{self.seed} {self.epoch} {self.rank * loaders + number}"
        urls = [self._url(path) for path in self.tars.paths]
        if self.endless:  # each loader draws for itself, so none is left without a tar
            seed = random.Random(own_seed).getrandbits(31)
            stages = [webdataset.ResampledShards(urls, seed=seed, worker_seed=int, deterministic=True)]
        else:
            order = random.Random(f"{self.seed} {self.epoch}").getrandbits(31)
            stages = [
                webdataset.SimpleShardList(urls, seed=order),
                _every(self.rank, self.ranks),
                webdataset.split_by_worker,
            ]
        stages.append(self._tiles)
        if self.shuffle_tiles > 1:
            rng = random.Random(own_seed)
            stages.append(webdataset.shuffle(self.shuffle_tiles, initial=self.shuffle_tiles // 2, rng=rng))
        yield from webdataset.DataPipeline(*stages)

    def _url(self, path: str) -> str:
        return self.store.path(path) if self.store.is_local else f"{self.store.url}/{path}"

    def _tiles(self, shards: Iterable[dict[str, Any]]) -> Iterator[StreamedTile | Unread]:
        """Yield the tiles of each tar; the next tar is opened while one is read."""
        counts = {self._url(path): tiles for path, tiles in zip(self.tars.paths, self.tars.tiles, strict=True)}
        register_opener(self.store)
        with ThreadPoolExecutor(1, thread_name_prefix="next-tar") as pool:

            def begun() -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
                for shard in shards:
                    url = shard["url"]
                    open_tar = partial(gopen, url, store=self.store, cache=self.cache)
                    yield url, pool.submit(attempted, url, open_tar).result

            for url, opened in _one_ahead(begun()):
                yield from self._tiles_of(url, opened, counts[url])

    def _tiles_of(self, url: str, opened: Callable[[], BinaryIO], expected: int) -> Iterator[StreamedTile | Unread]:
        tar = url.rpartition("/")[2]
        faults: list[str] = []

        def note(error: Exception) -> bool:
            if isinstance(error, StorageUnavailableError):
                raise error
            if (refusal := unavailable(url, error)) is not None:
                raise refusal from error
            words = str(error.args[0] if error.args and not isinstance(error, OSError) else error)
            faults.append(words.partition(" @ ")[0])  # webdataset adds its stream
            return True

        seen = 0
        try:
            stream = opened()
        except (StorageError, FileNotFoundError) as error:
            note(error)
        else:
            with stream:
                source = [{"url": url, "stream": stream}]
                files = tar_file_expander(source, handler=note, select_files=_is_member)
                for sample in group_by_keys(files, handler=note):
                    tile = _tile_of(sample)
                    if isinstance(tile, str):
                        faults.append(tile)
                        continue
                    seen += 1
                    if self.wanted is None or self.wanted(tile.photo):
                        yield tile
        if seen < expected or faults:
            reason = faults[0] if faults else "it ends, or cannot be parsed, before its last tile"
            yield Unread(tar, max(expected - seen, 1), f"{url}: {reason}")


def register_opener(store: Store) -> None:
    """Teach webdataset to open the store's tars; version 1.0.2 has no opener for `s3://`."""
    if not store.is_local:
        gopen_schemes[store.url.partition("://")[0]] = _open_tar


def _open_tar(
    url: str, mode: str = "rb", bufsize: int = 0, *, store: Store | None = None, cache: LocalCache | None = None
) -> BinaryIO:
    """Open a tar for webdataset; one of no known store is in a store of its own folder."""
    store = store or Store(url.rpartition("/")[0])
    relative = url.removeprefix(f"{store.url}/")
    return open_stream(store, relative) if cache is None else cache.open(store, relative)


def _is_member(name: str) -> bool:
    return name.endswith(MEMBERS)


def _tile_of(sample: dict[str, Any]) -> StreamedTile | str:
    """Return a sample's tile, or what is wrong with it."""
    key = sample["__key__"]
    try:
        about = json.loads(sample["json"])
        tile = StreamedTile(
            key, str(about["photo"]), int(about["tile"]), str(about["camera"]), int(sample["cls"]),
            int(about["width_px"]), int(about["height_px"]), sample["jpg"],
        )  # fmt: skip
    except KeyError as error:
        return f"sample {key} has no {error.args[0]}"
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return f"sample {key} cannot be read: {error}"
    if not _PHOTO.fullmatch(tile.photo) or key != f"{tile.photo}_{tile.tile}":
        return f"sample {key} describes itself as {tile.photo[:40]!r}, tile {tile.tile}"
    return tile


def _every(rank: int, ranks: int) -> Callable[[Iterable[dict[str, Any]]], Iterator[dict[str, Any]]]:
    """Return webdataset's `split_by_node` for a given rank: torch's is not known in a loader of its own."""

    def split(shards: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for number, shard in enumerate(shards):
            if number % ranks == rank:
                yield shard

    return split


def _one_ahead(items: Iterator[Any]) -> Iterator[Any]:
    """Yield the items, each after the next one has been made."""
    ready: list[Any] = []
    for item in items:
        ready.append(item)
        if len(ready) > 1:
            yield ready.pop(0)
    yield from ready
