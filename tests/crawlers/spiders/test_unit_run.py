"""Units of work: what ends the work is what is said, whatever becomes of the lease."""

import asyncio
from pathlib import Path

import pytest

from corpus.errors import StageError
from corpus.storage import open_store
from crawlers.spiders import unit_run
from crawlers.spiders.unit_run import UnitRunner
from crawlers.windows.work_units import WorkShare, leases_folder


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc")
def test_a_lease_that_cannot_be_released_does_not_hide_what_ended_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(unit_run, "in_thread", asyncio.to_thread)  # without Scrapy's reactor
    store = open_store(str(tmp_path))
    runner = UnitRunner(store, "folder", WorkShare())

    async def break_after_the_disk():
        (lease,) = (tmp_path / leases_folder("folder")).iterdir()
        lease.unlink()
        lease.symlink_to("/proc/self/mem")  # reading it fails
        raise StageError("the work itself")

    with pytest.raises(StageError, match="the work itself"):
        asyncio.run(runner.run("unit", break_after_the_disk))
    assert runner.lease is None


def test_a_unit_whose_work_is_done_is_free_again(tmp_path, monkeypatch):
    monkeypatch.setattr(unit_run, "in_thread", asyncio.to_thread)
    store = open_store(str(tmp_path))
    done = []

    async def work():
        done.append(1)

    asyncio.run(UnitRunner(store, "folder", WorkShare()).run("unit", work))
    assert done == [1]
    assert store.names(leases_folder("folder")) == []
