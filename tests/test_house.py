"""The house: floors and rooms, names of its modules, what an import does."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PACKAGES = ("corpus", "forensics", "crawlers", "curation", "shards", "train", "examiner", "pipelines", "demo")


def modules(repository: Path) -> list[Path]:
    return [path for package in PACKAGES for path in sorted((repository / package).rglob("*.py"))]


def test_imports_run_downwards_only(repository: Path) -> None:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [program, "--no-cache"], cwd=repository, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stdout


def test_a_folder_holds_few_enough_modules_to_be_read_at_a_glance(repository: Path) -> None:
    folders = Counter(path.parent for path in modules(repository) if path.name != "__init__.py")
    assert {str(folder): number for folder, number in folders.items() if number > 15} == {}


@pytest.mark.parametrize("package", ["crawlers", "curation"])
def test_the_top_of_a_large_package_has_at_most_14_entries(repository: Path, package: str) -> None:
    entries = {
        path.relative_to(repository / package).parts[0] for path in modules(repository) if package in path.parts
    } - {"__init__.py"}
    assert len(entries) <= 14, sorted(entries)


def test_no_module_has_a_name_that_says_nothing_or_that_shadows_another(repository: Path) -> None:
    names = {path.stem for path in modules(repository)}
    assert not names & {"util", "utils", "common", "helper", "helpers", "core", "misc"}
    # `python train/main.py` puts train/ first on the path
    in_train = {path.stem for path in (repository / "train").iterdir()}
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
