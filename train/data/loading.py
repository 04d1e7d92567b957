"""Loading: runs a data set in loader processes that start fast, carry little and never outlive their trainer.

Loaders start by forkserver: a process that has imported what they need and has no threads, so each is a fork of that,
never of the trainer, whose threads, GPU and connection to Ray it would inherit. They end with the trainer, however that
ends. What a project's error says in a loader is raised here as the same error.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver
from typing import Any, Protocol, TypeVar, cast

import cv2
import torch
from torch.utils.data import DataLoader, IterableDataset

from corpus.errors import ShutterprintError, StageError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Number = TypeVar("Number")
Number_contra = TypeVar("Number_contra", contravariant=True)

PREFETCHED_BATCHES = 4
"""Batches that each loader makes ahead."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc: malloc.h
_PRELOADED = ["train.data.batches", "train.data.answers"]


class Numbered(Protocol[Number_contra, T_co]):
    """A data set that answers several numbers, or tuples of them, at once."""

    def __getitems__(self, numbers: Sequence[Number_contra]) -> T_co:
        """Return what belongs to the numbers."""


def load(data: Numbered[Number, T], batches: Iterable[Sequence[Number]], loaders: int) -> Iterator[T]:
    """Yield `data.__getitems__(numbers)` for each item of `batches`, in their order, whatever the number of loaders.

    Loaders start with the first item and stay until the last one; with 0 loaders this process does it itself. Raises
    StageError for a loader that was killed, and each ShutterprintError that the data set raises.
    """
    told = cast(Any, _Told(data))
    return _answers(told, loaders, batch_sampler=batches, collate_fn=_as_it_is)


def stream(data: IterableDataset[T], loaders: int) -> Iterator[T]:
    """Yield the items of a data set that divides itself among the loaders; errors are those of `load`."""
    return _answers(_ToldStream(data), loaders, batch_size=None)


def _answers(data: Any, loaders: int, **options: Any) -> Iterator[Any]:
    loader: DataLoader[Any] = DataLoader(
        data,
        num_workers=loaders,
        multiprocessing_context=_context() if loaders else None,
        worker_init_fn=_begin_loader,
        prefetch_factor=PREFETCHED_BATCHES if loaders else None,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else each start of loaders draws from the numbers that dropout draws from
        **options,
    )
    use_one_opencv_thread()
    with _nameless_main():
        answers = iter(loader)
    try:
        for answer in answers:
            if isinstance(answer, ShutterprintError):
                raise answer
            yield answer
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker (pid"):  # an error in a loader speaks of its process
            raise
        raise StageError(
            "train: a loader process was killed, perhaps for want of memory; run the same command again, it continues "
            "from the last checkpoint; with fewer train.loaders less memory is needed"
        ) from error


def use_one_opencv_thread() -> None:
    """Keep OpenCV from starting threads of its own: the loaders are the parallelism."""
    cv2.setNumThreads(1)


def keep_freed_memory() -> None:
    """Keep memory that is freed for the next crop, up to 256 MiB, where the C library is glibc.

    It gives arrays of crops back to the system as soon as they are freed, and each new one is then mapped anew, page
    by page: a third of a loader's time. Must be called in each loader process.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    if mallopt(_MMAP_THRESHOLD, 256 << 20) or mallopt(_MMAP_THRESHOLD, 32 << 20):  # the most that older ones take
        mallopt(_TRIM_THRESHOLD, 256 << 20)


def prepare_loaders(*modules: str) -> None:
    """Start the process that loaders are forked from, so that it imports what they need while other work goes on.

    `modules`: what they need beside what all loaders do.
    """
    _context(*modules)
    forkserver.ensure_running()


def _context(*modules: str) -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_PRELOADED, *modules])  # of no effect on a server that runs already
    return context


class _Told:
    """A data set whose errors for people are answers: a DataLoader would raise them with a traceback for a text."""

    def __init__(self, data: Numbered[Any, Any]) -> None:
        self.data = data

    def __getitems__(self, numbers: Sequence[Any]) -> Any:
        try:
            return self.data.__getitems__(numbers)
        except ShutterprintError as error:
            return error


class _ToldStream(IterableDataset[Any]):
    """The same for a data set that is a stream."""

    def __init__(self, data: IterableDataset[Any]) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self.data
        except ShutterprintError as error:
            yield error


def _as_it_is(answer: T) -> T:
    return answer


def _begin_loader(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C goes to all processes; the trainer ends its loaders
    use_one_opencv_thread()
    keep_freed_memory()
    trainer = multiprocessing.parent_process()
    if trainer is not None:
        threading.Thread(target=_end_with, args=(trainer,), name="trainer", daemon=True).start()


def _end_with(trainer: Any) -> None:
    """End this process when the trainer does; PyTorch watches a loader's parent, which here is the fork server."""
    trainer.join()
    os._exit(1)


@contextmanager
def _nameless_main() -> Iterator[None]:
    """Start processes that do not import this process's main module again: they need nothing of a command or of Ray."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    main.__spec__, main.__file__ = None, None
    try:
        yield
    finally:
        main.__spec__, main.__file__ = spec, file
