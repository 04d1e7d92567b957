"""The benchmark of verdicts: what it counts as a false keep, and how the product judges for it."""

from pathlib import Path

import pytest

from benchmarks.curation.manipulations.pixels import resave
from benchmarks.curation.manipulations.subject import Subject
from benchmarks.curation.manipulations.torture_corpus import BESIDE, Made, Original
from benchmarks.curation.verdicts import Told, configure, judged, print_genuine, print_table
from demo.simulation.cameras import MODELS
from demo.uploads.make import capture
from demo.uploads.planning import plan_uploads
from demo.uploads.spoiling import genuine

SAVED, TURNED = Made("a/1--saved.jpg", "saved", "a/1.jpg"), Made("a/2--turned.jpg", "turned", "a/2.jpg")
DATED = Made("a/3--dated.jpg", "dated", "a/3.jpg")
SHOWN = {
    SAVED.path: Told(("Huffman tables",), "every header fact is one that the camera writes"),
    TURNED.path: Told(("thumbnail",)),
    DATED.path: Told((), "every header fact is one that the camera writes"),
}


def row(*reasons: str, duplicate_of: str | None = None) -> dict[str, object]:
    return {"kept": not reasons, "reasons": reasons, "camera": "acme-one", "duplicate_of": duplicate_of}


def test_false_keeps_are_counted_apart_from_what_cannot_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {SAVED.path: row(), TURNED.path: row("not_native_tables"), DATED.path: row(), DATED.original: row()}
    assert print_table("beside", [SAVED, TURNED, DATED], rows, SHOWN) == [SAVED]
    shown = capsys.readouterr().out
    assert "CERTAIN FALSE KEEP  a/1--saved.jpg: Huffman tables" in shown
    assert "cannot be told  1 × dated: every header fact is one that the camera writes" in shown
    assert shown.split("all ")[1].split()[:5] == ["3", "2", "1", "1", "1"]


def test_a_genuine_photograph_is_refused_unless_its_equal_stays(capsys: pytest.CaptureFixture[str]) -> None:
    originals = [Original("acme", f"a/{number}", b"") for number in range(1, 6)]
    rows = {
        "a/1.jpg": row("duplicate", duplicate_of=f"folder:{SAVED.path}"),  # a re-save stays in its stead
        "a/2.jpg": row(),
        "a/3.jpg": row("duplicate", duplicate_of=f"folder:{DATED.path}"),
        "a/4.jpg": row("duplicate", duplicate_of="folder:a/2.jpg"),
        "a/5.jpg": row("not_native_segments"),
    }
    assert print_genuine(originals, rows, SHOWN) == pytest.approx(2 / 5)
    shown = capsys.readouterr().out
    assert "1 are duplicates of genuine ones, 1 of copies that cannot be told" in shown
    assert f"refused  a/1.jpg: duplicate of folder:{SAVED.path}" in shown
    assert "refused  a/5.jpg: not_native_segments" in shown


@pytest.mark.slow
def test_the_product_itself_judges_a_corpus(tmp_path: Path) -> None:
    plan = next(plan for plan in plan_uploads(2, 1, MODELS) if plan.spoiling.kind == "genuine")
    subject = Subject(genuine(capture(plan, 1)), b"")
    (tmp_path / BESIDE / "ann").mkdir(parents=True)
    (tmp_path / BESIDE / "ann" / "1.jpg").write_bytes(subject.data)
    (tmp_path / BESIDE / "ann" / "1--saved.jpg").write_bytes(resave(70)(subject))
    rows = judged(configure(tmp_path, BESIDE), tmp_path / f"store-{BESIDE}", rounds=1)
    assert {path: row["kept"] for path, row in rows.items()} == {"ann/1.jpg": True, "ann/1--saved.jpg": False}
    assert "low_quality_factor" in rows["ann/1--saved.jpg"]["reasons"]
    assert rows["ann/1.jpg"]["camera"] == MODELS[0].key
