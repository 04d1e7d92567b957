"""A photo site that changes between refreshes: what is lost never returns, what is replaced keeps its id."""

import random
from pathlib import Path

from benchmarks.pipelines.changing_site import Site
from demo.uploads.upload import Upload


def test_a_site_gains_loses_replaces_and_re_dates() -> None:
    uploads = [upload(number) for number in range(12)]
    site = Site(Path("none"), 0, uploads, random.Random(1), uploads[:6])
    for day in range(1, 4):
        before, gained = {each.id: each for each in site.shown}, site.waiting[0]
        site.change(1)
        ids = [each.id for each in site.shown]
        assert len(ids) == len(set(ids)) == 6
        assert set(ids) < before.keys() | {gained.id}
        assert {each.file for each in site.shown}.isdisjoint(site.gone)
        replaced = [each for each in site.shown if each.id in before and each.file != before[each.id].file]
        assert [(each.owner_id, each.claimed_camera) for each in replaced] == [
            (before[each.id].owner_id, before[each.id].claimed_camera) for each in replaced
        ]
        assert dict(site.done) == {"gained": day, "lost": day, "replaced": day, "re-dated": day}
    assert site.waiting == []


def upload(number: int) -> Upload:
    return Upload(
        id=f"{number}", site="flickr", file=f"{number}.jpg", title="", owner_id=f"owner-{number}", owner_name="",
        licence="4", uploaded_at_s=1_700_000_000, taken_at="2020-01-01 00:00:00", claimed_camera=f"camera-{number}",
        kind="genuine", camera=None, device=None, expected_reasons=(), width_px=1, height_px=1, size_bytes=1, sha1="",
    )  # fmt: skip
