"""The webdataset reader: it gives what the index says, never hangs, and names what it must skip."""

import itertools

from torch.utils.data import DataLoader

from shards.streaming import TarStream, split_tars


def loaded(stream, loaders, count=None):
    loader = DataLoader(
        stream, batch_size=None, num_workers=loaders, multiprocessing_context="forkserver" if loaders else None
    )
    return list(itertools.islice(loader, count))


def test_tiles_are_what_the_index_says(published):
    store, index = published(3)
    rows = {row["key"]: row for row in index.split("train").to_pylist()}
    tiles = loaded(TarStream(store, split_tars(store, index.generation, "train"), endless=False), 0)
    assert sorted(tile.key for tile in tiles) == sorted(rows)
    for tile in tiles:
        row = rows[tile.key]
        start = row["offset_bytes"]
        assert (tile.photo, tile.tile, tile.label, tile.camera) == tuple(
            row[name] for name in ("photo", "tile", "label", "camera")
        )
        assert (tile.width_px, tile.height_px) == (row["width_px"], row["height_px"])
        assert tile.jpeg == store.read(f"shards/tars/{row['shard']}", start, start + row["length_bytes"])
