"""Feed: brings batches to the device that trains, and tells for how long it had nothing to do meanwhile.

Where a batch comes with pixels and their finishes (`train.manipulate_on`), the device makes the crops of it here.

On a GPU the next batch is copied from pinned memory, and its crops are made, on a stream of its own, while the last
step is still computed. The time waited is what the GPU's own clock says between the end of a step and the start of the
next one: the process only queues steps, two of them at most, and its own clock would not tell when the GPU computes
them. On a CPU it is the time until the next batch is there, which without loaders is the time to make it.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator

import torch

from train.batched.finishing import finish
from train.data.samples import Batch

_AHEAD = 2  # steps that may be queued on a GPU behind the one that it computes


class Feed:
    """The batches of one rank, on its device."""

    def __init__(self, batches: Iterable[Batch], device: torch.device) -> None:
        self._batches: Iterator[Batch] = iter(batches)
        self._device = device
        self._waited_s = 0.0
        self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._pauses: deque[tuple[torch.cuda.Event, torch.cuda.Event]] = deque()

    def next(self) -> Batch | None:
        """Return the next batch; None where there is none."""
        if self._copies is not None:
            return self._next_on_gpu(self._copies)
        began_s = time.perf_counter()
        batch = next(self._batches, None)
        if batch is not None and batch.finishes is not None:
            batch = batch._replace(crops=finish(batch.crops, batch.finishes), finishes=None)
        self._waited_s += time.perf_counter() - began_s
        return batch

    def waited_s(self) -> float:
        """Return the seconds waited since this was last asked; on a GPU all steps are finished first."""
        while self._pauses:
            self._measure_pause()
        waited_s, self._waited_s = self._waited_s, 0.0
        return waited_s

    def _next_on_gpu(self, copies: torch.cuda.Stream) -> Batch | None:
        training = torch.cuda.current_stream(self._device)
        ended, begins = _event(), _event()
        ended.record(training)
        batch = next(self._batches, None)
        if batch is None:
            return None
        with torch.cuda.stream(copies):
            crops = batch.crops.to(self._device, non_blocking=True)
            if batch.finishes is not None:
                crops = finish(crops, batch.finishes.to(self._device))
            moved = batch._replace(
                crops=crops,
                labels=batch.labels.to(self._device, non_blocking=True),
                manipulated=batch.manipulated.to(self._device, non_blocking=True),
                finishes=None,
            )
        training.wait_stream(copies)
        for each in (moved.crops, moved.labels, moved.manipulated):
            each.record_stream(training)  # else its memory could be given to the next copy before the step is over
        begins.record(training)
        self._pauses.append((ended, begins))
        while len(self._pauses) > _AHEAD:
            self._measure_pause()
        return moved

    def _measure_pause(self) -> None:
        ended, begins = self._pauses.popleft()
        begins.synchronize()
        self._waited_s += ended.elapsed_time(begins) / 1000


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
