"""Compiled loops: compiled once for a machine, whatever folder can be written, and imported only when they are used."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

KERNEL = """
from forensics.compiled import compiled

@compiled("int64(int64)")
def twice(number):
    return 2 * number

print(twice(21))
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a program with a kernel of its own; nothing of it is cached yet."""
    (tmp_path / "program").mkdir()
    path = tmp_path / "program" / "kernel.py"
    path.write_text(KERNEL)
    return path


def start(program: Path, repository: Path, home: Path, **environment: str) -> subprocess.Popen[str]:
    own = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    return subprocess.Popen(
        [sys.executable, program],
        env={**own, "HOME": str(home), "PYTHONPATH": str(repository), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return out.strip()


def cached(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.nbc"))


def without_cache_beside(program: Path) -> None:
    """Stand a file where the cache folder would be, as nothing can be written beside the modules of an image."""
    shutil.rmtree(program.parent / "__pycache__", ignore_errors=True)
    (program.parent / "__pycache__").write_text("")


def test_machine_code_is_kept_beside_the_source(program, repository, tmp_path):
    assert answer(start(program, repository, tmp_path / "home")) == "42"
    (first,) = cached(program.parent)
    made = first.stat().st_mtime_ns
    assert answer(start(program, repository, tmp_path / "home")) == "42"
    assert first.stat().st_mtime_ns == made


def test_under_a_read_only_install_it_is_kept_in_the_users_cache_or_a_named_folder(program, repository, tmp_path):
    without_cache_beside(program)
    (tmp_path / "home").mkdir()
    assert answer(start(program, repository, tmp_path / "home")) == "42"
    assert len(cached(tmp_path / "home")) == 1
    assert answer(start(program, repository, tmp_path / "home", NUMBA_CACHE_DIR=str(tmp_path / "named"))) == "42"
    assert len(cached(tmp_path / "named")) == 1


def test_where_nothing_can_be_written_it_is_compiled_in_each_process(program, repository, tmp_path):
    without_cache_beside(program)
    (tmp_path / "home").write_text("no folder")
    assert answer(start(program, repository, tmp_path / "home")) == "42"
    assert cached(tmp_path) == []


def test_a_torn_cache_does_no_harm(program, repository, tmp_path):
    assert answer(start(program, repository, tmp_path)) == "42"
    for path in (program.parent / "__pycache__").glob("*.nb*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert answer(start(program, repository, tmp_path)) == "42"


@pytest.mark.slow
def test_processes_that_start_at_once_do_not_break_each_others_cache(program, repository, tmp_path):
    processes = [start(program, repository, tmp_path) for _ in range(4)]
    assert [answer(process) for process in processes] == ["42"] * 4
    assert len(cached(program.parent)) == 1
    assert answer(start(program, repository, tmp_path)) == "42"


def test_only_one_module_imports_numba(repository: Path) -> None:
    importing = []
    for package in ("corpus", "forensics", "crawlers", "curation", "shards", "train", "examiner", "pipelines", "demo"):
        for path in sorted((repository / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0] == "numba" for name in names):
                    importing.append(path.relative_to(repository).as_posix())
    assert set(importing) == {"forensics/compiled.py"}


@pytest.mark.parametrize("module", ["forensics.coefficients", "shards.write", "curation.run", "pipelines.shutterprint"])
def test_numba_is_not_imported_before_something_is_computed(module: str, repository: Path) -> None:
    code = f"import {module}, sys; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
