"""Owners of a folder's photographs: who is heard when cameras are learned, from the crawl to the verdict."""

import io
import subprocess
import sys

import pytest
from PIL import Image

pytestmark = pytest.mark.slow


def saved_again(data: bytes) -> bytes:
    """Return a photograph as an editor saves it, its EXIF as it was."""
    picture = Image.open(io.BytesIO(data))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=98, exif=picture.info["exif"])
    return buffer.getvalue()


@pytest.fixture
def judge(world, jpeg):
    """Return what crawls a tree of twenty originals and fifteen re-saves, and judges them with this owner key."""

    def crawl_and_curate(originals, resaves, owner):
        tree = world.folder / "tree"
        for number in range(35):
            folder = originals[number % len(originals)] if number < 20 else resaves[number % len(resaves)]
            data = jpeg(number)
            (tree / folder).mkdir(parents=True, exist_ok=True)
            (tree / folder / f"{number}.jpg").write_bytes(data if number < 20 else saved_again(data))
        # so few photographs close a camera, because both sides have the IJG's tables
        closed = {"closed_photos_min": 15, "closed_owners_min": 3}
        world.configure(sources={"folder": {"path": str(tree), "owner": owner}}, consensus=closed)
        file = str(world.folder / "pipelines.yaml")
        command = [sys.executable, "-m", "scrapy", "crawl", "folder", "-a", f"config={file}"]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
        result = world.curate_here()
        assert result.returncode == 0, result.stderr
        rows = world.rows()
        natives = world.store.read_json(f"curated/{world.generations()[-1]}/natives.json")
        tables = {row["tables_digest"]: int(row["title"].partition(".")[0]) < 20 for row in rows.values()}
        learned = {tables[row["value"]] for row in natives if row["aspect"] == "tables" and row["native"]}
        kept = [int(row["title"].partition(".")[0]) < 20 for row in rows.values() if row["kept"]]
        return learned, kept.count(True), kept.count(False)

    return crawl_and_curate


def test_fifteen_resaves_in_three_folders_do_not_outvote_twenty_originals(judge):
    learned, originals, _ = judge(["camera"], ["x", "y", "z"], None)
    assert learned == set()  # nobody has said that three folders are three people
    assert originals == 20


def test_owners_that_are_told_outvote_one_owner_with_many_folders(judge):
    told = judge(["ann/1", "bob/1", "cleo/1"], ["eve/x", "eve/y", "eve/z"], 1)
    assert told == ({True}, 20, 0)


def test_folders_that_are_told_to_be_people_are_believed(judge):
    """The counter-example: the key decides, not the tree."""
    learned, originals, resaves = judge(["camera"], ["x", "y", "z"], 1)
    assert (learned, originals, resaves) == ({False}, 0, 15)
