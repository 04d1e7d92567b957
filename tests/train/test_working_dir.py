"""What `ray job submit --working-dir .` sends to a cluster: code, and nothing else that lies in the folder."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

packaging = pytest.importorskip("ray._private.runtime_env.packaging", reason="needs the extra train")

PACKAGES = ("corpus", "forensics", "shards", "train")


def packed(folder: Path, into: Path) -> set[str]:
    packaging.create_package(str(folder), into / "package.zip", include_gitignore=False)
    with zipfile.ZipFile(into / "package.zip") as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_photographs_stores_and_environments_stay_at_home(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    code = {"corpus/text.py", "corpus/cameras/cameras.yaml", "corpus/page.css", "train/fit/loop.py", "train/py.typed"}
    beside = {"pipelines.yaml", "cameras.yaml"}
    home = (
        *(
            "PHOTOS/a.jpg",
            "PHOTOS/deep/b.JPG",
            "PHOTOS/a.py",
            "data/runs/x.safetensors",
            "demo-data/a.yaml",
            "notes.txt",
        ),
        *(
            ".env",
            ".venv/lib/a.py",
            ".git/config",
            ".secret.yaml",
            "train/a.jpg",
            "train/PHOTOS/a.jpg",
            "a.tar",
            "LIST",
        ),
        *("train/__pycache__/a.py", "corpus/data.parquet", "tests/a.py", "curation/run.py"),
    )
    for name in (*code, *beside, *home):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    shutil.copy(repository / ".rayignore", folder)
    assert packed(folder, tmp_path) == code | beside


def test_every_module_and_file_that_training_needs_goes(repository: Path, tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=repository, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    found = packed(repository, tmp_path)
    assert set(listed.stdout.split()) <= found
    assert {name.partition("/")[0] for name in found if "/" in name} == set(PACKAGES)
