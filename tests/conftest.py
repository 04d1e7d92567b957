"""Fixtures of all tests: the real photographs, where this machine has them."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared test material; skips where this machine has none."""
    folder = Path(os.environ.get("SHUTTERPRINT_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared test material at {folder}")
    return folder


@pytest.fixture(scope="session")
def shared_photos(shared: Path) -> Path:
    """Return the folder of real photographs; skips where this machine has none."""
    return shared / "photos"
