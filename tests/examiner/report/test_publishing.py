"""Files of reports: whole or not there."""

from pathlib import Path

import pytest

from corpus.errors import ShutterprintError
from examiner.report.publishing import publish


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    publish(str(tmp_path / "a b.html"), b"one")
    publish(str(tmp_path / "a b.html"), b"two")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"a b.html": b"two"}


def test_a_folder_in_its_place_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ShutterprintError, match="is a folder; give the name of a file in it"):
        publish(str(tmp_path), b"x")


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ShutterprintError, match="there is no folder"):
        publish(str(tmp_path / "none" / "report.html"), b"x")
