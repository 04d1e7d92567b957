"""Naming: a job's id follows from the run, and from nothing else."""

import re
from pathlib import Path

import pytest
import yaml

from corpus.configuration import Configuration, read_configuration
from corpus.storage import open_store
from pipelines.jobs.naming import job_name
from shards.index import publish_index
from train.runs.requested import jobs_of_run, requested_config
from train.runs.run import open_run


@pytest.fixture
def configuration(tmp_path: Path, small_catalogue: Path) -> Configuration:
    """Return a configuration whose store has a generation of shards, without photographs."""
    (tmp_path / "pipelines.yaml").write_text(yaml.safe_dump({"storage": "data", "catalogue": str(small_catalogue)}))
    publish_index(open_store(str(tmp_path / "data")), "0001-abc", ("a", "b"), [])
    return read_configuration(tmp_path / "pipelines.yaml")


def named(configuration: Configuration, *options: str, submitted_with: tuple[str, ...] = ()) -> str:
    return job_name(["ray", "job", "submit", *submitted_with, "--", "python", "train/main.py", *options], configuration)


def test_equal_settings_and_generation_make_the_same_id_however_they_are_given(configuration: Configuration) -> None:
    name = named(configuration, "--config", str(configuration.file))
    assert re.fullmatch(r"shutterprint-0001-abc-[0-9a-f]{8}-[0-9a-f]{8}", name)
    assert named(configuration) == name
    assert named(configuration, "--set", "train.seed=0", "--set", "train.workers=4", "--ledger", "/x") == name
    with_folder = named(configuration, submitted_with=("--working-dir", str(configuration.file.parent)))
    assert with_folder == name


def test_another_training_generation_or_store_makes_another_id(
    configuration: Configuration, small_catalogue: Path
) -> None:
    names = [
        named(configuration),
        named(configuration, "--set", "train.seed=1"),
        named(configuration, "--set", "train.fold=1"),
        named(configuration, "--run", "mine"),
        named(configuration.model_copy(update={"file": _elsewhere(configuration, small_catalogue)})),
    ]
    publish_index(configuration.store, "0002-def", ("a", "b"), [])
    names.append(named(configuration))
    assert len(set(names)) == len(names)


def _elsewhere(configuration: Configuration, small_catalogue: Path) -> Path:
    folder = configuration.file.parent / "elsewhere"
    folder.mkdir()
    (folder / "pipelines.yaml").write_text(yaml.safe_dump({"storage": "data", "catalogue": str(small_catalogue)}))
    publish_index(open_store(str(folder / "data")), "0001-abc", ("a", "b"), [])
    return folder / "pipelines.yaml"


def test_a_run_that_is_begun_keeps_its_id_and_is_found_by_it(configuration: Configuration) -> None:
    before = named(configuration)
    run = open_run(configuration.store, requested_config(configuration))
    assert named(configuration) == before
    assert before in jobs_of_run(configuration.store, run.name)
    assert named(configuration, "--run", "mine") in jobs_of_run(configuration.store, "mine")


@pytest.mark.parametrize(
    "options", [("--config", "/only/on/the/cluster.yaml"), ("--set", "train.seed=x"), ("--nonsense",), ("--help",)]
)
def test_where_the_run_cannot_be_told_the_command_makes_the_id(
    configuration: Configuration, options: tuple[str, ...]
) -> None:
    name = named(configuration, *options)
    assert re.fullmatch(r"shutterprint-[0-9a-f]{16}", name)
    assert named(configuration, *options) == name
    assert named(configuration, *options, "--run", "x") != name
