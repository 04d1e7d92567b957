"""The benchmarks: their index names each of them and each result, and no folder or module misleads an import."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PACKAGES = {"corpus", "forensics", "crawlers", "curation", "shards", "train", "examiner", "pipelines", "demo"}


def modules(repository: Path) -> dict[str, Path]:
    """Return the modules by the names under which they are run, without `benchmarks.`."""
    folder = repository / "benchmarks"
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts): path
        for path in sorted(folder.rglob("*.py"))
        if path.name != "__init__.py"
    }


def test_the_index_has_every_command_and_no_other(repository: Path) -> None:
    index = re.findall(r"^\| `([\w.]+)` \|", (repository / "benchmarks" / "README.md").read_text(), re.M)
    commands = [name for name, path in modules(repository).items() if "ArgumentParser(" in path.read_text()]
    assert sorted(index) == sorted(commands)


def test_the_index_links_every_result_and_no_other(repository: Path) -> None:
    linked = re.findall(r"\(results/([^)]+)\)", (repository / "benchmarks" / "README.md").read_text())
    assert set(linked) == {path.name for path in (repository / "benchmarks" / "results").iterdir()}


def test_a_folder_holds_about_a_dozen_modules(repository: Path) -> None:
    folders = Counter(str(path.parent) for path in modules(repository).values())
    assert {folder: number for folder, number in folders.items() if number > 12} == {}


def test_no_module_has_the_name_of_a_package_or_of_the_standard_library(repository: Path) -> None:
    # Ray, and whoever runs a file as a script, put its folder on the path
    assert {path.stem for path in modules(repository).values()} & (PACKAGES | set(sys.stdlib_module_names)) == set()


def test_only_the_root_is_looked_through(repository: Path) -> None:
    """No module changes the path, and each names others of the benchmarks from the root."""
    found = {}
    for name, path in modules(repository).items():
        siblings = {other.stem for other in path.parent.glob("*.py")} - PACKAGES
        tree = ast.parse(path.read_text())
        imported = {
            imports.split(".")[0]
            for node in ast.walk(tree)
            for imports in (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else
                [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            )
        }  # fmt: skip
        if imported & siblings or "sys.path" in path.read_text():
            found[name] = sorted(imported & siblings)
    assert found == {}


@pytest.mark.slow
def test_every_module_can_be_imported(repository: Path) -> None:
    lines = [f"import benchmarks.{name}" for name in modules(repository)]
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert result.returncode == 0, result.stderr
