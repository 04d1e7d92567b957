"""The command line of the benchmark of recipes: variants, what is packed where, tables of what is there."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.train.recipes import bench_of, folds_of, main, parsed, variants_of

Asked = Callable[..., Namespace]
TINY = ("network=shutter_tiny", "outer_crop_px=64", "crop_px=32", "batch=8", "test_crops=1")


@pytest.fixture
def asked(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return the arguments of a command line on the small photographs."""

    def arguments(*more: str) -> Namespace:
        settings = [part for key in TINY for part in ("--set", f"train.{key}")]
        line = [str(originals), "--tile-px", "96", "--out", str(tmp_path / "out"), "--crops", "16", *settings, *more]
        monkeypatch.setattr(sys, "argv", ["recipes", *line])
        return parsed()

    return arguments


def test_variants_are_all_combinations_named_by_what_differs(asked: Asked) -> None:
    variants = list(variants_of(asked("--recipes", "small,modern", "--vary", "train.flips=none,d4")))
    assert [each.name for each in variants] == [
        "small flips=none",
        "small flips=d4",
        "modern flips=none",
        "modern flips=d4",
    ]
    assert [each.train["flips"] for each in variants] == ["none", "d4"] * 2
    assert {each.train["network"] for each in variants} == {"shutter_tiny"}  # what is set wins over the recipe
    assert len({each.digest for each in variants}) == 4
    with pytest.raises(SystemExit, match="only keys of train"):
        list(variants_of(asked("--vary", "shards.tile_px=64,96")))


def test_other_folds_tiles_or_photographs_to_judge_have_files_of_their_own(asked: Asked) -> None:
    whole = bench_of(asked("--table"))
    others = [bench_of(asked("--table", *more)) for more in (("--folds", "2"), ("--tile-px", "64"), ("--photos", "6"))]
    assert len({whole.data, *(each.data for each in others)}) == 4
    assert [each.store.url == whole.store.url for each in others] == [False, False, True]
    assert not whole.store.exists("shards")
    assert folds_of(asked("--only-folds", "0,2")) == [0, 4]


@pytest.mark.slow
def test_what_is_there_is_not_trained_again_and_a_half_packed_store_is_packed(
    asked,
    capsys: pytest.CaptureFixture[str],  # type: ignore[no-untyped-def]
) -> None:
    given = asked("--seeds", "1", "--only-folds", "1", "--vary", "train.flips=none,d4")
    begun = Path(bench_of(Namespace(**{**vars(given), "table": True})).store.path("shards"))
    (begun / "tars").mkdir(parents=True)
    main()
    told = capsys.readouterr().out
    assert "2 variants × 1 seeds × 1 folds = 2 trainings" in told
    assert "| flips=none |" in told
    results = {path: path.read_bytes() for path in (given.out / "results").iterdir()}
    assert len(results) == 2
    one = json.loads(next(iter(results.values())))
    assert (one["fold"], one["crops"], one["seed"]) == (2, 16, 0)
    main()
    assert {path: path.read_bytes() for path in (given.out / "results").iterdir()} == results
    asked("--seeds", "1", "--vary", "train.flips=none,d4", "--table")
    capsys.readouterr()
    main()
    assert "| difference from flips=none, paired |" in capsys.readouterr().out
