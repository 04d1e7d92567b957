"""Reader's peers: crops of the same tiles by Ray Data and by MosaicML streaming, each where it can be imported."""

import contextlib
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from torch.utils.data import DataLoader

from train.data.crops import Geometry, to_tensor
from train.data.loading import use_one_opencv_thread
from train.model.torchvision_repair import repair_torchvision

LONG = 100_000
"""Crops of one epoch: more than are counted."""

CropOf = Callable[[bytes, Geometry, np.random.Generator], np.ndarray]


def mosaic_write(folder: Path, tars: list[str]) -> str | None:
    """Write the tiles of tars in MosaicML's format, unless they are there; return why it cannot be, or None."""
    repair_torchvision()
    try:
        import streaming
    except ImportError as error:
        return f"left out: {error}"
    if folder.is_dir():
        return None
    with streaming.MDSWriter(out=str(folder), columns={"jpg": "bytes"}, size_limit=1 << 26) as writer:
        for tar in tars:
            with tarfile.open(tar) as archive:
                for member in archive:
                    if member.name.endswith(".jpg"):
                        writer.write({"jpg": archive.extractfile(member).read()})  # type: ignore[union-attr]
    return None


def mosaic_batches(folder: Path, geometry: Geometry, crop_of: CropOf, loaders: int, batch: int) -> Iterator[Any]:
    """Yield endless batches of crops by StreamingDataset."""
    import streaming

    class Crops(streaming.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, number: int) -> np.ndarray:
            return crop_of(super().__getitem__(number)["jpg"], geometry, np.random.default_rng(number))

    streaming.base.util.clean_stale_shared_memory()
    dataset = Crops(  # an epoch so long that the loaders, whose CPU is counted, live on
        local=str(folder), shuffle=True, shuffle_algo="py1s", shuffle_seed=7, batch_size=batch, epoch_size=LONG
    )
    yield from DataLoader(dataset, batch_size=batch, num_workers=loaders, collate_fn=to_tensor)


@contextlib.contextmanager
def ray_batches(tars: list[str], geometry: Geometry, crop_of: CropOf, loaders: int, batch: int) -> Iterator[Any]:
    """Yield an iterator over endless batches of crops by Ray Data, on a local head of its own."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    import ray

    ray.init(address="local", num_cpus=loaders, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False

    def crop(rows: dict[str, Any]) -> dict[str, Any]:
        use_one_opencv_thread()
        rng = np.random.default_rng(os.getpid())
        return {"crop": np.stack([crop_of(jpeg, geometry, rng) for jpeg in rows["jpg"]])}

    def stream() -> Iterator[np.ndarray]:
        data = ray.data.read_webdataset(tars * 40, decoder=None, suffixes=["jpg"], shuffle="files")
        for batch_of in data.map_batches(crop, batch_size=batch).iter_batches(batch_size=batch):
            yield batch_of["crop"]

    try:
        yield stream()
    finally:
        ray.shutdown()


def tree_cpu_s() -> float:
    """Return the CPU seconds of this process and of all that live below it."""
    total_s = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total_s += times.user + times.system
    return total_s
