"""Ledger: a line for each step, in a folder whose path does not depend on where a worker runs."""

import json
from pathlib import Path

import pytest
import torch

from corpus.errors import ConfigurationError, StageError
from train.data.samples import Batch
from train.fit.ledger import JOB_FOLDER, keep_ledger, ledger_folder


def _batch(*numbers: int) -> Batch:
    crops, labels = torch.zeros(len(numbers), 3, 1, 1, dtype=torch.uint8), torch.zeros(len(numbers), dtype=torch.int64)
    return Batch(crops, labels, numbers=torch.tensor(numbers))


def test_each_step_is_a_line_with_the_numbers_of_its_samples(tmp_path: Path) -> None:
    consumed = keep_ledger(str(tmp_path / "new" / "folder"), rank=1, ranks=2)
    consumed(0, _batch(4, 5))
    consumed(1, _batch(8, 9))
    [path] = (tmp_path / "new" / "folder").iterdir()
    assert path.name.endswith("-1-of-2.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"step": 0, "numbers": [4, 5]}, {"step": 1, "numbers": [8, 9]}]


def test_a_relative_folder_is_told_to_workers_as_a_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ledger_folder("used") == str(tmp_path / "used")
    assert ledger_folder("/somewhere/used") == "/somewhere/used"


def test_a_folder_in_the_copy_that_a_job_runs_in_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / JOB_FOLDER).mkdir()
    monkeypatch.chdir(tmp_path / JOB_FOLDER)
    with pytest.raises(ConfigurationError, match=r"--ledger: used is relative, .*; give an absolute path"):
        ledger_folder("used")


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_is_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=f"--ledger: {tmp_path}/file is no folder"):
        ledger_folder(str(tmp_path / name))
    with pytest.raises(StageError, match=r"--ledger: .* cannot be written: "):  # as on another machine
        keep_ledger(str(tmp_path / name), 0, 1)(0, _batch(1))
