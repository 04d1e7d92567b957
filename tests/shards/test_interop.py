"""Other readers read a generation as it lies, and agree with its index on keys, labels and pictures."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import simplejpeg
import webdataset
from webdataset.writer import TarWriter

from corpus.sections import Shards
from corpus.storage import open_store
from shards.reader import TileReader
from train.model.torchvision_repair import repair_torchvision

pytestmark = pytest.mark.slow

CONTENTS = {
    "tiles": Shards(tile_px=64, tiles_per_photo=2, shard_photos=7, restart_mcus=2),
    "photos": Shards(content="photos", shard_photos=7, restart_mcus=2),
}


@pytest.fixture(scope="module", params=CONTENTS)
def generation(request, tmp_path_factory, collection_in):
    """A store and the index of its generation: tiles, or whole photographs of odd sizes, in three train shards."""
    collection = collection_in(open_store(str(tmp_path_factory.mktemp(request.param) / "data")))
    collection.add(15, width_px=203, height_px=75)
    collection.add(2, split="test")
    return collection.store, collection.publish(CONTENTS[request.param])


def wanted(index, split="train"):
    """Return key and label of each sample of a split, in the order of the tars."""
    rows = index.rows_in_tars(split)
    photos = index.tiles.at("photo", rows)
    keys = [
        f"{photo}_{tile}"
        for photo, tile in zip(index.photo_names(photos), index.tiles.at("tile", rows).tolist(), strict=True)
    ]
    return list(zip(keys, index.labels(photos).tolist(), strict=True))


def sizes(index):
    rows = index.rows_in_tars("train")
    return list(zip(*(index.tiles.at(name, rows).tolist() for name in ("width_px", "height_px")), strict=True))


def tars(store, index, split="train"):
    return [store.path(f"shards/tars/{tar}") for tar in index.content["splits"][split]["shards"]]


def test_plain_webdataset_reads_a_generation(generation):
    store, index = generation
    dataset = webdataset.WebDataset(tars(store, index), shardshuffle=False, empty_check=False)
    samples = list(dataset)
    assert [(sample["__key__"], int(sample["cls"])) for sample in samples] == wanted(index)
    assert [simplejpeg.decode_jpeg(sample["jpg"], strict=True).shape[1::-1] for sample in samples] == sizes(index)
    with TileReader(store, index) as reader:
        assert [(tile.key, tile.label, tile.jpeg) for tile in reader.split("train")] == [
            (sample["__key__"], int(sample["cls"]), sample["jpg"]) for sample in samples
        ]
    for sample in samples:
        about = json.loads(sample["json"])
        assert (f"{about['photo']}_{about['tile']}", index.classes.index(about["camera"])) == (
            sample["__key__"],
            int(sample["cls"]),
        )


def test_a_tar_has_the_bytes_that_webdatasets_own_writer_writes(generation):
    store, index = generation
    for tar in index.tars:
        path = store.path(f"shards/tars/{tar}")
        stream = io.BytesIO()
        writer = TarWriter(stream, user="shutterprint", group="shutterprint", mode=0o444, encoder=False, mtime=0)
        with writer:
            for sample in webdataset.WebDataset(path, shardshuffle=False, empty_check=False):
                writer.write({name: sample[name] for name in ("__key__", "cls", "jpg", "json")})
        assert stream.getvalue() == store.read(f"shards/tars/{tar}")


@pytest.mark.parametrize("training", [False, True])
def test_timm_reads_a_generation_through_its_info_file(generation, training):
    repair_torchvision()
    from timm.data.readers import create_reader

    store, index = generation
    root = store.path(f"shards/{index.generation}")
    reader = create_reader("wds/", root=root, split="train", is_training=training, batch_size=1)
    assert len(reader) == len(wanted(index))
    read = [(image.size, target) for image, target in reader]
    labels = [label for _, label in wanted(index)]
    if training:  # its shuffling may leave out or repeat a few
        assert {target for _, target in read} == set(labels)
    else:
        assert read == list(zip(sizes(index), labels, strict=True))


LOAD = """
import json, sys
import datasets
files = json.loads(sys.argv[1])
for streaming in (False, True):
    loaded = datasets.load_dataset("webdataset", data_files=files, streaming=streaming)
    print(json.dumps({
        split: [(row["__key__"], row["cls"], row["jpg"].size, row["json"]["camera"]) for row in rows]
        for split, rows in loaded.items()
    }))
"""


def test_datasets_reads_a_generation_offline(generation, tmp_path):
    store, index = generation
    files = {split: tars(store, index, split) for split in ("train", "test")}
    result = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(files)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    mapped, streamed = (json.loads(line) for line in result.stdout.splitlines())
    assert mapped == streamed
    assert [tuple(size) for _, _, size, _ in mapped["train"]] == sizes(index)
    for split, rows in mapped.items():
        assert [(key, int(label)) for key, label, _, _ in rows] == wanted(index, split)
        assert [index.classes[int(label)] for _, label, _, _ in rows] == [camera for _, _, _, camera in rows]


def test_all_readers_see_the_same_pictures_as_a_plain_decoder(generation):
    """What is in the tar is an ordinary JPEG: three decoders agree on it, markers and odd sizes included."""
    import cv2
    from PIL import Image

    store, index = generation
    rows = index.rows_in_tars("train")[:4]
    for row in rows:
        start = int(index.tiles["offset_bytes"][row])
        tar = index.tars[index.tiles["tar"][row]]
        jpeg = store.read(f"shards/tars/{tar}", start, start + int(index.tiles["length_bytes"][row]))
        ours = simplejpeg.decode_jpeg(jpeg, strict=True)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(jpeg))), ours)
        assert np.abs(cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)[:, :, ::-1].astype(int) - ours).max() <= 3
