"""The job on an object store instead of a folder: the same rows, whole generations, leftovers replaced."""

import hashlib
import os
import subprocess

import pytest

from corpus.sections import Shards
from corpus.storage import open_store
from corpus.storage.kept import keeping
from corpus.storage.requests import counted
from curation.cluster.spool import Spool
from curation.facts.examine import Original, stored_bytes
from curation.judging.gather import parts_of, pieces_of, read_piece
from curation.judging.inputs import find_inputs
from curation.judging.refresh.state.index import states_of
from curation.publishing.report.thumbnails import thumbnails
from shards.plan import PhotoPlan, ShardPlan, cutting_of
from shards.write import cut_photo
from tests.curation.conftest import copy_crawl

pytest.importorskip("s3fs", reason="needs the extra s3")


@pytest.mark.slow
def test_job_on_s3_judges_as_in_a_folder_and_again_makes_nothing_new(bucket, finished, empty_world, tmp_path):
    world = empty_world(tmp_path)
    world.configure(storage=bucket)
    here, there = finished.world.store, open_store(bucket)
    copy_crawl(here, there)
    there.publish("curated/0001-unfinished/photos.parquet", b"half")
    (generation,) = finished.world.generations()
    for _ in range(2):
        result = subprocess.run(
            world.command(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=dict(os.environ),
        )
        assert result.returncode == 0, result.stderr
        assert there.names("curated") == [generation], result.stdout + result.stderr
    for name in ("photos.parquet", "report.html"):
        path = f"curated/{generation}/{name}"
        assert there.read(path) == here.read(path)


def test_an_original_is_asked_for_once_to_be_examined_drawn_and_packed(bucket):
    store, path, data = open_store(bucket), "originals/flickr/aa/1-v.jpg", b"no JPEG"
    sha256 = hashlib.sha256(data).hexdigest()
    store.publish(path, data)
    photo = PhotoPlan("d", path, sha256, "acme", 0, "g", None)
    sample = {"photo": "flickr:1", "version": "v", "value": None, "page_url": None, "original": path}
    with keeping(store, 2) as kept, counted() as requests:
        assert stored_bytes(kept, Original("flickr:1", "v", path, sha256)) == data
        assert [tile.caption for tile in thumbnails(kept, {"reason": [sample]})["reason"]] == ["flickr:1"]
        assert isinstance(cut_photo(kept, ShardPlan("train", cutting_of(Shards()), (photo,)), photo), str)
        assert dict(requests()) == {"GET": 1}


def test_the_tables_of_crawls_are_asked_for_once_to_find_uploads_and_to_judge_them(bucket, empty_world, tmp_path):
    world = empty_world(tmp_path)
    world.window("w1", [world.record("1", b"1"), world.record("2", reasons=["not_a_photo"])])
    store = open_store(bucket)
    for path, data in world.files(".").items():
        store.publish(path, data)
    with keeping(store, 2) as kept, counted() as requests:
        inputs = find_inputs(kept, "headers")
        assert dict(requests()) == {"LIST": 3}, "of crawls, facts and takedowns"
        parts = parts_of(inputs, 10)
        assert [one.photo for one in inputs.waiting()] == ["flickr:1"]
        for piece in pieces_of(inputs, parts):
            read_piece(piece, Spool(None, "spool"))
        states_of(inputs)
        assert dict(requests()) == {"LIST": 3, "GET": 1}
