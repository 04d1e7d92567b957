"""The house: floors, sizes and names of its modules, what an import does."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("corpus", "forensics", "crawlers", "curation", "shards", "train", "pipelines", "demo")


def modules(repository: Path) -> list[Path]:
    return [path for package in PACKAGES for path in sorted((repository / package).rglob("*.py"))]


def test_imports_run_downwards_only(repository: Path) -> None:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [program, "--no-cache"], cwd=repository, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stdout


def test_no_module_is_longer_than_300_lines_and_most_are_about_100(repository: Path) -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in modules(repository) if path.name != "__init__.py")
    assert lengths[-1] <= 300
    assert lengths[len(lengths) // 2] <= 140


def test_no_module_has_a_name_that_says_nothing_or_that_shadows_another(repository: Path) -> None:
    names = {path.stem for path in modules(repository)}
    assert not names & {"util", "utils", "common", "helper", "helpers", "core", "misc"}
    # `python train/main.py` puts train/ first on the path
    in_train = {path.stem for path in (repository / "train").glob("*.py")}
    assert not in_train & (set(sys.stdlib_module_names) | {"torch", "timm", "ray", "numpy", "cv2", *PACKAGES})


def test_every_module_opens_by_saying_what_it_is(repository: Path) -> None:
    silent = [path for path in modules(repository) if path.read_text().strip() and not _docstring(path)]
    assert silent == []


def _docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("words", [["pickle"], ["eval", "exec"], ["os.system", "shell=True"], ["yaml.load("]])
def test_nothing_that_runs_code_from_data_is_used(repository: Path, words: list[str]) -> None:
    found = [
        (path.name, node.lineno)
        for path in modules(repository)
        for node in ast.walk(ast.parse(path.read_text()))
        if _uses(node, words)
    ]
    assert found == []


def _uses(node: ast.AST, words: list[str]) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in words for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] in words
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func)
    shell = any(
        keyword.arg == "shell" and ast.unparse(keyword.value) == "True" and "shell=True" in words
        for keyword in node.keywords
    )
    return shell or name in words or f"{name}(" in words
