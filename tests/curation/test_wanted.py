"""Photos that a crawl refused and that pass by what curation has learned are wanted, and the run says so."""

import re

from curation.facts.examine import facts_row
from forensics.header import read_facts


def test_what_was_refused_at_the_door_and_is_learned_to_be_native_is_wanted_and_fetched_by_the_next_crawl(world, jpeg):
    originals = {number: jpeg(number, quality=88) for number in range(8)}
    at_the_door = [
        world.record(
            str(number), owner_id=f"owner{number}", size_bytes=1000 + number, reasons=["low_quality_factor"],
            facts=facts_row(read_facts(data, whole=False)),
        )
        for number, data in originals.items()
    ]  # fmt: skip
    world.window("w1", at_the_door)
    first = world.curate_here()
    assert first.returncode == 0, first.stderr
    said = re.sub(r"\s+", " ", first.stdout)
    assert "8 photos are wanted now" in said
    assert "crawl again: scrapy crawl flickr; and then run python -m curation.run" in said
    assert world.store.read_json("receipts/curation.json")["wanted"] == 8
    assert {tuple(row["reasons"]) for row in world.rows().values()} == {("not_downloaded",)}

    world.window("w1", [world.record(str(n), data, owner_id=f"owner{n}") for n, data in originals.items()])
    second = world.curate_here()
    assert second.returncode == 0, second.stderr
    assert "wanted" not in second.stdout
    assert world.store.read_json("receipts/curation.json")["wanted"] == 0
    assert all(row["kept"] for row in world.rows().values())


def test_what_fewer_owners_show_is_not_wanted(world, jpeg):
    rows = [
        world.record(
            str(number), owner_id=f"owner{number % 2}", size_bytes=1000 + number, reasons=["low_quality_factor"],
            facts=facts_row(read_facts(jpeg(number, quality=88), whole=False)),
        )
        for number in range(8)
    ]  # fmt: skip
    world.window("w1", rows)
    result = world.curate_here()
    assert result.returncode == 2
    assert "no photo is kept" in result.stderr
    assert world.rows()["flickr:0"]["reasons"] == ["low_quality_factor"]
