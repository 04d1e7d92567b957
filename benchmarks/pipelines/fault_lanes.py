"""Lanes: each has a bucket and a folder in which a tiny pipeline meets one fault after another, beside other lanes."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.pipelines.tiny import Tiny
from benchmarks.preloaded import Preloaded
from benchmarks.storage.object_store import ObjectStore, Request

COMMANDS = {"crawl": "crawl", "curation": "curation", "shards": "curation", "train": "train"}
"""The command of each stage."""
WITHIN_S = 1200.0
"""A stage that has not ended within so long hangs."""


class Lane:
    """A bucket, a folder and processes for one fault after another."""

    def __init__(self, folder: Path, photographs: Path, preloaded: Mapping[str, Preloaded], until: ExitStack) -> None:
        folder.mkdir()
        (folder / "photographs").symlink_to(photographs)
        self.folder, self.store = folder, until.enter_context(ObjectStore())
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        # whatever a run's files name is the same in all lanes
        self._sources = {"path": str(photographs), "owner": 2}
        self.tiny = Tiny(folder, self.store.url, {**self.store.environment(), "TMPDIR": str(self.temporary)})
        self.configure()
        self._preloaded = preloaded

    def configure(self, storage: str | None = None, scheduler: str | None = None) -> None:
        """Write the configuration with the bucket or another storage."""
        self.tiny.storage = storage or self.store.url
        clusters = {} if scheduler is None else {"clusters": {"dask_scheduler": scheduler}}
        self.tiny.configure(
            train={"steps_per_epoch": 2, "cache_folder": None}, sources={"folder": self._sources}, **clusters
        )

    def run(self, stage: str) -> tuple[int | None, str]:
        """Run a stage's command in a process that has imported what it needs; None: it hangs."""
        log = self.folder / "log"
        command = COMMANDS[stage]
        run = self._preloaded[command].start(self.tiny.command(command)[1:], self.tiny.environment_of(), log)
        code = run.wait(WITHIN_S)
        if code is None:
            run.kill()
        return code, log.read_text()

    def command(
        self, stage: str, prefix: tuple[str, ...] = (), command: str | None = None, **more: str
    ) -> tuple[int | None, str]:
        """Run a stage's command as a person does, with more in its environment; None: it hangs."""
        process = self.tiny.start(command or COMMANDS[stage], prefix, self.folder / "log", **more)
        try:
            code = process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None, (self.folder / "log").read_text()
        return code, (self.folder / "log").read_text()

    def restore(self, objects: Mapping[str, bytes]) -> None:
        """Make the bucket have these objects alone."""
        self.store.fault, self.store.seen = None, lambda request: None
        self.store.empty()
        for key, data in objects.items():
            self.store.put(key, data)
        shutil.rmtree(self.temporary)
        self.temporary.mkdir()

    def at_request(self, number: int, act: Callable[[], object]) -> None:
        """Do something at a request from now on."""
        count = 0

        def see(request: Request) -> None:
            nonlocal count
            count += 1
            if count == number + 1:
                act()

        self.store.seen = see
