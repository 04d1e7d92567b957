"""The `shutterprint` command: its subcommands, their help, and what it says where something is missing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.shutterprint import COMMANDS, main

_WITHOUT = "import sys; sys.modules[{missing!r}] = None; from pipelines.shutterprint import main; main()"
_LOADED = (
    "import sys\nfrom pipelines.shutterprint import main\ntry: main()\n"
    "except SystemExit: print('loaded', *sorted({name.partition('.')[0] for name in sys.modules}))"
)


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """Return the exit code of `shutterprint WORDS`, run in this process."""
    monkeypatch.setattr(sys, "argv", ["shutterprint", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def run_in_new_process(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_subcommands_are_these() -> None:
    names = "crawl check status forget curate explain diff pin manifest verify stats show"
    trained = "train jobs evaluate compare baseline predict enrol export examine calibrate serve device"
    assert list(COMMANDS) == [*names.split(), *trained.split(), "pipelines", "prune", "demo"]


def test_documents_name_only_subcommands_that_exist(repository: Path) -> None:
    documents = [repository / "README.md", *(repository / "docs").rglob("*.md")]
    named = {name for page in documents for name in re.findall(r"shutterprint ([a-z]+)", page.read_text())}
    assert named - set(COMMANDS) == set()
    assert set(COMMANDS) - named <= {"demo"}


def test_help_names_every_subcommand_and_loads_nothing_that_takes_time() -> None:
    result = run_in_new_process(_LOADED, "--help")
    shown, _, loaded = result.stdout.rpartition("loaded")
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert not set(loaded.split()) & {"pydantic", "numpy", "pyarrow", "scrapy", "dask", "torch", "ray", "rich"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_subcommand_shows_an_example_what_comes_out_and_its_usage(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, name, "--help") == 0
    shown = capsys.readouterr().out
    assert f"Example:\n  shutterprint {name}" in shown
    assert "What comes out:\n" in shown
    assert f"usage: shutterprint {name} [-h]" in shown
    assert "--log-json" in shown
    assert "python -m" not in shown.partition("usage:")[0]


def test_a_subcommand_runs_the_same_function_as_its_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text("storage: data\npipelines:\n  refresh:\n    stages: [scrapy crawl flickr]\n")
    assert call(monkeypatch, "pipelines", "--config", str(file), "list") == 0
    assert capsys.readouterr().out == "refresh  (run by hand)\n  scrapy crawl flickr\n"


def test_crawl_hands_configuration_part_and_keys_to_the_spider(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"no JPEG")
    (tmp_path / "pipelines.yaml").write_text("storage: data\n")
    command = [sys.executable, "-m", "pipelines.shutterprint", "crawl", "folder", "--config", "pipelines.yaml"]
    more = ["--set", "sources.folder.path=photos", "--set", "cameras=all", "--part", "1/2", "-a", "gone=accept"]
    result = subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "data" / "receipts" / "crawl-folder-1-of-2.json").exists()


def test_a_fault_of_the_configuration_is_one_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(monkeypatch, "status", "--config", str(tmp_path / "none.yaml")) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("words", [[], ["crawll"], ["--sett"]])
def test_an_unknown_subcommand_ends_with_exit_code_2(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *words) == 2
    assert "usage: shutterprint COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "missing", "extra"),
    [("crawl", "scrapy", "crawl"), ("curate", "distributed", "curate"), ("predict", "torch", "train")],
)
def test_a_missing_extra_is_named_in_one_sentence(name: str, missing: str, extra: str) -> None:
    result = run_in_new_process(_WITHOUT.format(missing=missing), name, "flickr")
    assert result.returncode == 2
    (sentence,) = result.stderr.splitlines()
    assert f"the package {missing} is not installed" in sentence
    assert f".[{extra}]" in sentence
