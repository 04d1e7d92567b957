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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a costly fixture on one xdist worker; spread over two, each builds it again."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and (group := _shared_fixture(item)):
            item.add_marker(pytest.mark.xdist_group(group))


def _shared_fixture(item: pytest.Item) -> str | None:
    """Return what the tests that share a fixture with this one have in common: a module, or a run of the curation."""
    definitions = item._fixtureinfo.name2fixturedefs
    if "finished" in definitions:
        return "finished"
    if any(found[-1].scope == "module" for found in definitions.values()):
        return item.location[0]
    return None
