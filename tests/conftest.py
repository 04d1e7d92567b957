"""What all tests share: commands run in this process, and the real photographs, where this machine has them."""

import fcntl
import io
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from corpus.command_line import exit_with

if TYPE_CHECKING:
    from distributed import LocalCluster

# The jobs of the tests are the parallelism: threads that wait for each other on busy cores take several times the time.
os.environ["OMP_NUM_THREADS"] = "1"
REPOSITORY = Path(__file__).resolve().parent.parent
# No test says anything of time, and on a busy machine the first example of a test, which imports, may take seconds.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put modules with tests that are marked slow first, so that all jobs end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the repository."""
    return REPOSITORY


def run_here(main: Callable[[], int]) -> "subprocess.CompletedProcess[str]":
    """Run a command's `main` in this process, for tests that are not about a process; starting one costs seconds.

    Errors become sentences and exit codes as they do in a process of the command's own.
    """
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        exit_with(main)
    return subprocess.CompletedProcess([], cast(int, ended.value.code), out.getvalue(), err.getvalue())


@cache
def _dask_worker() -> "LocalCluster":
    from distributed import LocalCluster

    # `silence_logs` would set the level of the handlers, of which one is pytest's: no later test would see a warning
    logging.getLogger("distributed").setLevel(logging.ERROR)
    return LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=False
    )


def dask_scheduler() -> str:
    """Return the address of a scheduler with one worker, which is started once: it takes seconds to import the job."""
    return str(_dask_worker().scheduler_address)


@pytest.fixture(scope="session", autouse=True)
def _end_dask_worker() -> Iterator[None]:
    yield
    if _dask_worker.cache_info().currsize:
        _dask_worker().close()


@pytest.fixture(scope="session")
def s3_service() -> Iterator[str]:
    """Return the address of a make-believe S3 on a free port, one for all tests of a process: moto keeps one state."""
    pytest.importorskip("s3fs", reason="needs the extra s3")
    moto_server = pytest.importorskip("moto.server", reason="needs moto, a make-believe S3")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@contextmanager
def reaching_s3(address: str) -> Iterator[None]:
    """Let the environment say how an S3 is reached, here and in the processes that this one starts."""
    import s3fs

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()  # one of another test's would ask that one's server
        yield
        s3fs.S3FileSystem.clear_instance_cache()


_buckets = count(1)


@pytest.fixture
def bucket(s3_service: str) -> Iterator[str]:
    """Return the URL of a prefix in a new, empty bucket of that S3; the environment says how to reach it."""
    import boto3

    with reaching_s3(s3_service):
        name = f"bucket-{next(_buckets)}"
        boto3.client("s3").create_bucket(Bucket=name)
        yield f"s3://{name}/prefix"


def built_once(tmp_path_factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that `build` fills, once for all jobs of the tests: the others wait for it and only read it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_whole = folder.with_name(f"{name}.whole")
        if not is_whole.exists():
            shutil.rmtree(folder, ignore_errors=True)  # another job has failed at it
            folder.mkdir()
            build(folder)
            is_whole.touch()
    return folder


def noisy_image(width_px: int, height_px: int, seed: int) -> Image.Image:
    """Return a picture of smooth and noisy parts, which differs with each of its arguments."""
    generator = np.random.default_rng([seed, width_px, height_px])
    coarse = generator.integers(0, 256, (height_px // 8 + 2, width_px // 8 + 2, 3)).repeat(8, 0).repeat(8, 1)
    pixels = coarse[:height_px, :width_px] * 0.8 + generator.integers(0, 50, (height_px, width_px, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def _sos_parameters(jpeg: bytes) -> bytes:
    return _at_scan(jpeg, lambda end: jpeg[: end - 2] + b"\0" + jpeg[end - 1 :])


def _at_scan(jpeg: bytes, change: Callable[[int], bytes]) -> bytes:
    scan = jpeg.rindex(b"\xff\xda")  # the thumbnail's, if there is one, stands before it
    return change(scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4]))


def _before_frame(jpeg: bytes) -> bytes:
    frame = jpeg.rindex(b"\xff\xc0\0\x11\x08")
    return jpeg[:frame] + bytes(4) + jpeg[frame:]


def _before_end(jpeg: bytes, stray: bytes) -> bytes:
    end = jpeg.rindex(b"\xff\xd9")
    return jpeg[:end] + stray + jpeg[end:]


def _in_scan(jpeg: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a file with the middle of its scan changed; stuffed bytes and restarts are left whole."""

    def damaged(begin: int) -> bytes:
        middle = (begin + len(jpeg)) // 2
        while 0xFF in jpeg[middle - 8 : middle + 72]:
            middle += 1
        return jpeg[:middle] + change(jpeg[middle:])

    return _at_scan(jpeg, damaged)


ODD: dict[str, Callable[[bytes], bytes]] = {
    "sos_parameters": _sos_parameters,
    "two_stray_bytes": lambda jpeg: _before_end(jpeg, b"\x5a\x3c"),
    "stray_zeros": lambda jpeg: _before_end(jpeg, bytes(64)),
    "zeros_between_segments": _before_frame,
    "all": lambda jpeg: _before_frame(_sos_parameters(_before_end(jpeg, bytes(64)))),
}
DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "stray bytes in the scan": lambda jpeg: _in_scan(jpeg, lambda rest: bytes(64) + rest),
    "bytes of the scan missing": lambda jpeg: _in_scan(jpeg, lambda rest: rest[2000:]),
    "bytes of the scan overwritten": lambda jpeg: _in_scan(jpeg, lambda rest: bytes(2000) + rest[2000:]),
    "many stray bytes before the end": lambda jpeg: _before_end(jpeg, b"\x5a\x3c" * 40),
    "scan cut, with an end": lambda jpeg: jpeg[: len(jpeg) * 3 // 4].rstrip(b"\xff") + b"\xff\xd9",
    "the end lost and filled with zeros": lambda jpeg: jpeg[:-1502] + bytes(1500) + jpeg[-2:],
    "no code of the table": lambda jpeg: _in_scan(jpeg, lambda rest: b"\xff\0" * 8 + rest[16:]),
}


@pytest.fixture(scope="session", params=list(ODD))
def odd(request: pytest.FixtureRequest) -> Callable[[bytes], bytes]:
    """Return what gives a baseline JPEG one of the oddities of some cameras, or several; its pixels stay the same."""
    return ODD[request.param]


@pytest.fixture(scope="session")
def oddities() -> dict[str, Callable[[bytes], bytes]]:
    """Return all of them by name, as `odd` does one at a time."""
    return ODD


@pytest.fixture(scope="session", params=list(DAMAGED))
def damage(request: pytest.FixtureRequest) -> Callable[[bytes], bytes]:
    """Return what damages the scan of a baseline JPEG in one way."""
    return DAMAGED[request.param]


@pytest.fixture(scope="session")
def sos_parameters() -> Callable[[bytes], bytes]:
    """Return what sets the end of spectral selection of a baseline scan to 0, as some Samsung cameras do."""
    return _sos_parameters


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
