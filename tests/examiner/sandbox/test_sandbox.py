"""A sandbox gives reports of strangers' files, and a sentence where one takes too much or ends its process."""

import io
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import examiner
from corpus.errors import StageError
from examiner.report.plain import as_dict
from examiner.sandbox.reports import examined
from examiner.sandbox.worker import Sandbox
from train.prediction.finding import Found


def jpeg(width_px: int, height_px: int, seed: int = 1) -> bytes:
    saved, random = io.BytesIO(), np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 256, (height_px, width_px, 3), np.uint8)).save(saved, "JPEG", quality=92)
    return saved.getvalue()


@pytest.fixture(scope="module")
def large() -> bytes:
    """A picture that takes long enough to be interrupted."""
    return jpeg(4000, 3000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


def test_a_report_of_the_sandbox_is_the_one_that_examine_gives(sandbox: Sandbox) -> None:
    import json

    data = jpeg(320, 240)
    here = json.loads(json.dumps(as_dict(examiner.examine(data, name="a.jpg"))))
    assert sandbox.examine(data, "a.jpg") == here


def test_what_cannot_be_examined_gets_its_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    named = [Found(str(tmp_path / "a.gif")), Found(str(tmp_path / "gone.jpg")), Found("x.zip", "is an archive")]
    errors = [report.error or "" for report in examined(named, sandbox)]
    assert errors[0].startswith("is a GIF")
    assert errors[1] == "cannot be read: No such file or directory"
    assert errors[2] == "is an archive"


@pytest.mark.slow
def test_a_file_that_ends_its_process_twice_gets_a_sentence_and_the_next_one_a_report(
    sandbox: Sandbox, large: bytes
) -> None:
    sandbox.examine(jpeg(64, 64))
    has_answered = threading.Event()

    def end_each() -> None:
        while not has_answered.is_set():
            process = sandbox._process
            if process is not None and not sandbox._is_fresh:
                with suppress(ProcessLookupError):  # it has ended, and the next one is not there yet
                    os.kill(process.pid, signal.SIGSEGV)
            time.sleep(0.01)

    ending = threading.Thread(target=end_each)
    ending.start()
    try:
        report = sandbox.examine(large, "evil.jpg")
    finally:
        has_answered.set()
        ending.join()
    assert report["error"] == "ends the process that decodes it (SIGSEGV)"
    assert (report["name"], report["findings"]) == ("evil.jpg", [])
    assert sandbox.examine(jpeg(64, 64))["error"] is None


@pytest.mark.slow
def test_a_file_that_takes_too_long_gets_a_sentence(large: bytes) -> None:
    with Sandbox(timeout_s=0.05) as hasty:
        assert hasty.examine(large)["error"] == "takes longer than 0 s"
        assert hasty._process is None


@pytest.mark.slow
def test_a_file_that_takes_too_much_memory_gets_a_sentence() -> None:
    wide = io.BytesIO()
    Image.new("RGB", (12_000, 10_000)).save(wide, "PNG", compress_level=1)
    with Sandbox(memory_bytes=200 << 20) as small:
        error = small.examine(wide.getvalue())["error"]
        assert "memory" in error
        assert small.examine(jpeg(64, 64))["error"] is None


def test_what_its_process_has_started_ends_with_it() -> None:
    box = Sandbox()
    forks = "import os, time; os.fork() or print('forked', flush=True); time.sleep(60)"
    box._process = subprocess.Popen(
        [sys.executable, "-c", forks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert box._process.stdout is not None
    with os.fdopen(os.dup(box._process.stdout.fileno()), "rb") as said:
        assert said.readline() == b"forked\n"
        box._stop()
        assert select.select([said], [], [], 10)[0]
        assert said.read() == b""  # nobody can write into it any more


def test_a_generation_that_is_not_there_stops_the_command_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="no generation is called '0007'"):
        Sandbox(corpus="0007", overrides=[f"storage={tmp_path}"]).__enter__()
