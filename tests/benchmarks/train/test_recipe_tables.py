"""Tables of the benchmark of recipes, on made-up results."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.train.recipe_tables import figures_of, finished, line_of, pooled, tables
from benchmarks.train.recipe_training import Bench, Variant
from corpus.storage import open_store
from train.data.answers import CHALLENGE

CONDITIONS = [condition.name for condition in CHALLENGE]
NONE, ALL = [0] * 9, [1] * 9
PLAIN_ALONE = [1] + [0] * 8


def result(
    variant: str, seed: int, fold: int, right: dict[str, list[int]], note: str = "", crops: int = 1000
) -> dict[str, Any]:
    """Return a result; the camera of a photograph is the first letter of its name, its device the first two."""
    return {
        "variant": variant, "seed": seed, "fold": fold, "note": note, "crops": crops, "cpu_s": 60.0, "wall_s": 70.0,
        "photos": list(right), "labels": [ord(photo[0]) - ord("a") for photo in right],
        "devices": [photo[:2] for photo in right], "conditions": CONDITIONS, "right": list(right.values()),
    }  # fmt: skip


def test_w_is_seven_tenths_unaltered_and_three_manipulated() -> None:
    values = figures_of(result("small", 0, 0, {"a1": PLAIN_ALONE, "b1": [1, 1, 1, 0, 0, 0, 0, 0, 0], "b2": NONE}))
    assert values["W"].tolist() == pytest.approx([0.7, 0.7 + 0.3 * 0.25, 0])
    assert values["manipulated"].tolist() == pytest.approx([0, 0.25, 0])
    assert values[CONDITIONS[1]].tolist() == [0, 1, 0]


def test_only_folds_that_every_seed_has_finished_are_pooled_and_seeds_stay_apart() -> None:
    one = pooled([
        result("small", 0, 0, {"a1": ALL, "b1": NONE}),
        result("small", 1, 0, {"b1": NONE, "a1": PLAIN_ALONE}),
        result("small", 0, 2, {"a2": ALL}),
    ])  # fmt: skip
    assert (one.photos, one.devices, one.labels.tolist()) == (("a1", "b1"), ("a1", "b1"), [0, 1])
    assert one.values["W"].tolist() == [[1.0, 0.7], [0.0, 0.0]]
    assert one.mean("W").tolist() == pytest.approx([0.85, 0.0])
    assert one.of(["b1"]).mean("unaltered").tolist() == [0.0]


def test_both_tables_are_of_the_photographs_that_all_variants_have_judged() -> None:
    first = [result("small", seed, 0, {"a1x": NONE, "a2x": ALL, "b1x": NONE, "b2x": ALL}) for seed in (0, 1)]
    second = [result("modern", 0, 0, {"b2x": ALL, "a1x": ALL, "b1x": ALL, "a2x": PLAIN_ALONE, "a3x": ALL}, "a note")]
    lines = tables({"small": first, "modern": second, "large": []})
    small, modern, difference = (line for line in lines if line.startswith(("| small |", "| modern |")))
    assert small.startswith("| small | 4 | 2 | 1,000 | 60 | 0.500 [")
    assert small.endswith("| 0.000 |")
    assert modern.startswith("| modern | 4 | 1 | 1,000 | 60 | 0.925 [")
    assert difference.startswith("| modern | 4 | +0.425 [")
    assert "modern: a note" in lines
    assert any(line.startswith("| difference from small") for line in lines)
    assert tables({"small": []}) == ["nothing is finished yet"]
    assert tables({"one": [result("one", 0, 0, {"a1": ALL})], "two": [result("two", 0, 2, {"b1": ALL})]}) == [
        "no photograph is judged by all variants yet"
    ]


def test_a_training_has_one_line() -> None:
    line = line_of(result("small", 3, 4, {"a1": ALL, "b1": NONE}, "a note", crops=12345))
    assert line.startswith("small seed 3 fold 2: W 0.500  unaltered 0.500")
    assert line.endswith("12,345 crops, CPU 60 s, 2 photographs  (a note)")


def test_results_of_other_data_lengths_and_settings_are_not_shown_and_unnamed_ones_only_when_asked_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "results").mkdir()
    small = Variant("small", {"recipe": "small"})
    bench = Bench(tmp_path, open_store(str(tmp_path)), "0001-a", "0a0a0a0a", 0, None, 240.0)
    others = [
        Bench(tmp_path, bench.store, "0001-a", "0b0b0b0b", 0, None, 240.0),
        Bench(tmp_path, bench.store, "0001-a", "0a0a0a0a", 0, 240, None),
    ]
    own = bench.path(small, 0, 0)
    paths = [own, *(other.path(small, 1, 0) for other in others), bench.path(Variant("small", {}), 2, 0)]
    paths += [tmp_path / "results" / f"ce14fc05-240s-seed{seed}-fold0.json" for seed in (0, 3)]
    for seed, path in zip((0, 1, 1, 2, 0, 3), paths, strict=True):
        path.write_text(json.dumps(result("small", seed, 0, {"a1": ALL})))
    (tmp_path / "results" / "speed-ce14fc05.json").write_text("{}")
    assert len(set(paths)) == 6
    assert [each["seed"] for each in finished(bench, [small])["small"]] == [0]
    shown = finished(bench, [small, Variant("modern", {"recipe": "modern"})], unnamed=True)
    assert [(each["seed"], each["note"]) for each in shown["small"]] == [(0, ""), (3, "no word on its data")]
    assert shown["modern"] == []
