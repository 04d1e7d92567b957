import hashlib

import pytest

from corpus.errors import StageError
from corpus.records import photo_digest
from corpus.sections import Shards
from shards.plan import SMALL_SHARDS_MAX, classes_after, plan_shards

CLASSES = ("a", "b")
SETTINGS = Shards(tile_px=64, tiles_per_photo=2, shard_photos=4)


def row(number, **changes):
    return {
        "photo": f"flickr:{number}",
        "version": "0123456789",
        "kept": True,
        "camera": CLASSES[number % 2],
        "split": "train",
        "group": "device",
        "original": f"originals/flickr/{number}.jpg",
        "sha256": f"{number:064x}",
        "quality_factor": 96,
    } | changes


def plan(rows, previous=(), settings=SETTINGS, classes=CLASSES):
    return plan_shards(rows, settings, classes, previous)


def photos(plans):
    return sorted(photo.photo for shard in plans for photo in shard.photos)


def test_every_kept_photo_is_in_one_shard_of_its_split_and_no_other_photo_is():
    rows = [row(n, split=("train", "validation", "test")[n % 3], kept=n < 20) for n in range(30)]
    plans = plan(rows)
    for split in ("train", "validation", "test"):
        wanted = sorted(photo_digest(r["photo"], r["version"]) for r in rows if r["kept"] and r["split"] == split)
        assert photos(shard for shard in plans if shard.split == split) == wanted


def test_shards_are_even_no_larger_than_allowed_and_mix_the_classes():
    plans = plan([row(n) for n in range(90)], settings=Shards(tile_px=64, tiles_per_photo=2, shard_photos=40))
    assert [len(shard.photos) for shard in plans] == [30, 30, 30]
    assert all({photo.label for photo in shard.photos} == {0, 1} for shard in plans)


def test_the_order_of_the_rows_makes_no_difference():
    rows = [row(n) for n in range(10)]
    assert plan(rows) == plan(rows[::-1])


def test_the_name_tells_split_and_content():
    (shard,) = plan([row(1)])
    assert shard.name == f"train-{shard.digest[:12]}.tar"
    changes = [{"sha256": "f" * 64}, {"camera": "a"}, {"version": "new"}, {"split": "test"}, {"quality_factor": 90}]
    others = [plan([row(1, **change)])[0] for change in changes]
    others += [plan([row(1)], settings=Shards(tile_px=96, tiles_per_photo=2, shard_photos=4))[0]]
    others += [plan([row(1)], classes=("0", "a", "b"))[0]]
    assert len({shard.name, *(other.name for other in others)}) == 8


def test_a_photo_is_named_by_the_hash_of_key_and_version():
    (shard,) = plan([row(1)])
    assert shard.photos[0].photo == hashlib.sha256(b"flickr:1|0123456789").hexdigest()[:16]


def test_new_photos_leave_full_shards_as_they_were():
    before = plan([row(n) for n in range(8)])
    after = plan([row(n) for n in range(11)], before)
    assert set(before) < set(after)
    assert photos(after) == photos(plan([row(n) for n in range(11)]))


@pytest.mark.parametrize("change", [{"kept": False}, {"sha256": "f" * 64}, {"split": "test"}, {"camera": "a"}])
def test_a_photo_that_is_gone_or_changed_changes_its_own_shard_only(change):
    rows = [row(n) for n in range(12)]
    before = plan(rows)
    rows[5] |= change
    after = plan(rows, before)
    digest = photo_digest("flickr:5", "0123456789")
    assert set(before) - set(after) == {s for s in before if digest in {photo.photo for photo in s.photos}}
    assert photos(after) == photos(plan(rows))


def written(plans, previous):
    return sum(len(shard.photos) for shard in set(plans) - set(previous))


def test_small_shards_are_joined_when_new_photos_come_to_many_of_them_and_only_then():
    settings = Shards(tile_px=64, tiles_per_photo=2, shard_photos=40)
    plans, most = [], 0
    for night in range(1, 60):
        rows = [row(n) for n in range(3 * night)]
        plans = plan(rows, plans, settings)
        small = sum(2 * len(shard.photos) < settings.shard_photos for shard in plans)
        most = max(small, most)
        assert photos(plans) == photos(plan(rows))
        assert plan(rows, plans, settings) == plans
    assert most == SMALL_SHARDS_MAX


def test_a_refresh_with_one_per_cent_of_new_photos_writes_one_per_cent():
    settings = Shards(shard_photos=50)
    splits = ("train",) * 7 + ("test",) * 2 + ("validation",)

    def some(number):
        return [row(n, split=splits[n % 10]) for n in range(number)]

    plans = plan(some(1000), (), settings)
    for night in range(1, 11):
        refreshed = plan(some(1000 + 10 * night), plans, settings)
        assert written(refreshed, plans) == 10
        plans = refreshed
    later = 0
    for night in range(11, 61):
        refreshed = plan(some(1000 + 10 * night), plans, settings)
        later += written(refreshed, plans)
        plans = refreshed
    assert later < 3 * 10 * 50  # joining included


def test_new_classes_come_after_the_previous_ones_so_that_a_new_camera_leaves_the_other_shards_alone():
    rows = [row(n) for n in range(8)]
    before = plan(rows)
    classes = classes_after(CLASSES, {"b", "a", "_new", "A new"})
    assert classes == ("a", "b", "A new", "_new")
    after = plan([*rows, row(9, camera="_new")], before, classes=classes)
    assert set(before) < set(after)


def test_a_class_without_photographs_keeps_its_label_so_that_the_others_keep_theirs():
    assert classes_after(("a", "b", "c"), {"b", "c"}) == ("a", "b", "c")
    classes = classes_after(("a", "b"), {"b", "_new"})
    assert classes == ("a", "b", "_new")
    assert classes_after(classes, {"a", "b", "_new"}) == classes
    rows = [row(number, camera="ab"[number % 2]) for number in range(8)]
    before = plan(rows, classes=("a", "b"))
    alone = plan([each for each in rows if each["camera"] == "b"], before, classes=classes_after(("a", "b"), {"b"}))
    assert {photo.label for shard in alone for photo in shard.photos} == {1}


@pytest.mark.parametrize(
    "settings",
    [
        Shards(tile_px=128, tiles_per_photo=2, shard_photos=4),
        Shards(tile_px=64, tiles_per_photo=3, shard_photos=4),
        Shards(tile_px=64, tiles_per_photo=2, shard_photos=3),
        Shards(tile_px=64, tiles_per_photo=2, shard_photos=4, restart_mcus=16),
        Shards(tile_px=64, tiles_per_photo=2, shard_photos=4, content="photos"),
    ],
)
def test_other_settings_reuse_nothing_that_does_not_obey_them(settings):
    rows = [row(n) for n in range(8)]
    assert not set(plan(rows)) & set(plan(rows, plan(rows), settings))


def test_other_tiles_and_more_threads_pack_no_whole_photographs_again():
    settings = Shards(content="photos", shard_photos=4)
    rows = [row(n) for n in range(8)]
    plans = plan(rows, settings=settings)
    for other in ({"tile_px": 512}, {"tiles_per_photo": 9}, {"photos_at_once": 7}):
        assert plan(rows, plans, settings.model_copy(update=other)) == plans
    assert not set(plans) & set(plan(rows, plans, settings.model_copy(update={"restart_mcus": 0})))


def test_a_photo_that_two_previous_shards_hold_is_planned_once():
    one = plan([row(n) for n in range(4)])
    other = plan([row(n) for n in range(3)])
    assert len(photos(plan([row(n) for n in range(4)], [*one, *other]))) == 4


@pytest.mark.parametrize("change", [{"camera": "z"}, {"camera": None}, {"split": None}, {"original": None}])
def test_a_kept_row_no_shard_can_be_made_of_stops_the_stage(change):
    with pytest.raises(StageError, match="flickr:1 is kept"):
        plan([row(1, **change)])


def test_two_rows_of_one_version_stop_the_stage():
    with pytest.raises(StageError, match="listed twice"):
        plan([row(1), row(1, split="test")])
