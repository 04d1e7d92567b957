"""The job on an object store instead of a folder: the same rows, whole generations, leftovers replaced."""

import os
import subprocess

import pytest

from corpus.storage import open_store

pytestmark = pytest.mark.slow

pytest.importorskip("s3fs", reason="needs the extra s3")


def test_job_on_s3_judges_as_in_a_folder_and_again_makes_nothing_new(bucket, finished, empty_world, tmp_path):
    world = empty_world(tmp_path)
    world.configure(storage=bucket)
    here, there = finished.world.store, open_store(bucket)
    for record in here.read_table("crawl/flickr/w1/records.parquet").to_pylist():
        if record["original"]:
            there.publish(record["original"], here.read(record["original"]))
    for name in ("records.parquet", "_done.json"):
        there.publish(f"crawl/flickr/w1/{name}", here.read(f"crawl/flickr/w1/{name}"))
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
