"""Cluster: carries out a run on Ray Train workers, on the cluster of RAY_ADDRESS, else on an embedded one.

Ray restarts workers that die. They continue from the run's own last checkpoint in the store, so Ray's checkpoints are
not used: Ray gets the metrics alone. Usage statistics are off (RAY_USAGE_STATS_ENABLED=0).
"""

import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.distributed
from pyarrow.fs import FSSpecHandler, PyFileSystem
from torch import nn

from corpus.errors import ShutterprintError, StageError
from corpus.events import say
from corpus.leases import Lease
from corpus.sections import Training
from corpus.storage import Store
from train.fit.head_watch import RAY_WAITS, RAY_WAITS_S, HeadGoneError, first_line, lost, watched_head
from train.fit.loop import Told
from train.fit.training_run import carry_out, cores_here
from train.model.checkpoints import Metrics
from train.runs.progress import progress_line, read_history
from train.runs.run import Run

MAX_FAILURES = 3
"""How often a group of workers is restarted after one of them died."""

REACHABLE_WITHIN_S = 30.0
"""A head that is just starting answers within so long."""

_PROGRESS_INTERVAL_S = 1.0

_TIMED_OUT = re.compile(
    r"Gloo connectFullMesh failed with|Timed out waiting \d+ ?ms for (send|recv)|Connect timeout \["
    r"|DistStoreError: Timed out after \d+ seconds waiting for clients|client socket has timed out after \d+"
    r"|Watchdog caught collective operation timeout"
)
"""What torch.distributed says where its workers wait for each other in vain: whole phrases, each on one line."""

_ADDRESS = "RAY_ADDRESS"
"""Set by `ray job submit`; set it by hand for a cluster that is already running."""


def carry_out_on_ray(run: Run, settings: Training, ledger: str | None = None, lease: Lease | None = None) -> None:
    """Carry out a run on `train.workers` Ray Train workers and wait for its end.

    `ledger`: a folder of the workers' machines in which each writes down which samples it used in each step. `lease`:
    of this process; workers publish nothing once it is lost.

    Raises StageError where the cluster has too few CPUs or GPUs, where its head is gone, or where the workers failed
    for good.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")  # the default of 2 s adds 10 s to a short run
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # workers without GPUs keep their environment
    os.environ.setdefault(RAY_WAITS, str(RAY_WAITS_S))
    embedded = _ADDRESS not in os.environ
    if embedded:
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # else Ray writes a token file for this process alone
    import ray
    import ray.exceptions
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    # Ray's own lines stay in its logs and dashboard: they bury ours, and warn every second where there is no dashboard
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
    if embedded:
        options |= {"num_cpus": max(cores_here(), settings.workers), "include_dashboard": False}
    address = "local" if embedded else os.environ[_ADDRESS]
    check_reachable(address)
    terminated = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, **options)
    except Exception as error:
        if (told := not_started(address, error, "train without Ray (--without-ray)")) is None:
            raise
        raise StageError(told) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminated)  # Ray's own handler ends the process with another exit code
    is_gone = False
    try:
        _check_resources(cast(Any, ray).cluster_resources(), settings)
        trainer = TorchTrainer(
            _worker,
            train_loop_config={"url": run.store.url, "directory": run.directory, "ledger": ledger, "lease": lease},
            torch_config=TorchConfig(backend="nccl" if settings.gpus else "gloo"),
            scaling_config=ray.train.ScalingConfig(num_workers=settings.workers, use_gpu=settings.gpus),
            run_config=ray.train.RunConfig(
                name=run.name,
                storage_path=run.store.path("ray"),
                storage_filesystem=PyFileSystem(FSSpecHandler(run.store.filesystem)),
                failure_config=ray.train.FailureConfig(max_failures=MAX_FAILURES),
            ),
        )
        head = ray.get_runtime_context().gcs_address
        try:
            with _progress(run, settings), watched_head(head):
                trainer.fit()
        except ray.train.TrainingFailedError as error:
            raise StageError(_reason(run, error)) from error
        except (ray.exceptions.RayActorError, ray.exceptions.RaySystemError, ray.exceptions.RpcError) as error:
            raise lost(head, error) from error
    except HeadGoneError:
        is_gone = True
        raise
    finally:
        if not is_gone:  # it would wait for the head
            ray.shutdown()


def check_reachable(address: str) -> None:
    """Raise StageError where nothing answers at `host:port` for REACHABLE_WITHIN_S; Ray itself tries for minutes.

    Other forms of address (`local`, `auto`, `ray://…`) are left to Ray.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        return
    until_s = time.monotonic() + REACHABLE_WITHIN_S
    while True:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=REACHABLE_WITHIN_S):
                return
        except OSError as error:
            if time.monotonic() > until_s:
                raise StageError(
                    f"{_ADDRESS}: no Ray cluster answers at {address}: {error}; start it, or correct the address"
                ) from error
        time.sleep(1)


def not_started(address: str, error: Exception, otherwise: str) -> str | None:
    """Return the sentence for an error of `ray.init` where there is no cluster; None for a fault in a program.

    Where its processes are slow to start, Ray raises a plain Exception. `otherwise`: what can be done without Ray.
    """
    import ray.exceptions

    if not isinstance(error, (ConnectionError, TimeoutError, RuntimeError, ray.exceptions.RayError)) and (
        "timed out during startup" not in str(error)
    ):
        return None
    if address == "local":
        return (
            f"Ray did not start on this machine: {first_line(error)}; run the same command again when the machine is "
            f"less busy, or {otherwise}"
        )
    return f"{_ADDRESS}: no Ray cluster answers at {address}: {first_line(error)}; start it, or correct the address"


def _worker(config: dict[str, Any]) -> None:
    import ray.train
    from ray.train.torch import get_device

    context = ray.train.get_context()
    device = get_device()

    def wrap(module: nn.Module) -> nn.Module:
        if context.get_world_size() == 1:
            return module
        return nn.parallel.DistributedDataParallel(module, [device.index] if device.type == "cuda" else None)

    def report(metrics: Metrics) -> None:
        ray.train.report(dict(metrics))

    run, rank, ranks = (
        Run(Store(config["url"]), config["directory"]),
        context.get_world_rank(),
        context.get_world_size(),
    )

    def gather(own: Told) -> list[Told]:
        of_all = [own] * ranks
        if ranks > 1:
            torch.distributed.all_gather_object(of_all, own)
        return of_all

    carry_out(
        run, torch.device(device), rank=rank, ranks=ranks, wrap=wrap, report=report, gather=gather,
        ledger=config["ledger"], lease=config["lease"],
    )  # fmt: skip


@contextmanager
def _progress(run: Run, settings: Training) -> Iterator[None]:
    """Print a line for each epoch that the workers finish, wherever they run."""
    stop = threading.Event()

    def follow() -> None:
        seen = len(read_history(run))
        stopped = False
        while not stopped:
            stopped = stop.wait(_PROGRESS_INTERVAL_S)  # once more after the end: the last epoch's line
            history = read_history(run)
            for metrics in history[seen:]:
                say(progress_line(metrics, settings), "epoch", **metrics)
            seen = max(seen, len(history))

    thread = threading.Thread(target=follow, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _check_resources(resources: dict[str, float], settings: Training) -> None:
    # a cluster that grows on demand counts as it is now: set its minimum size to what the training needs
    kind = "GPU" if settings.gpus else "CPU"
    there = int(resources.get(kind, 0))
    if there < settings.workers:
        raise StageError(
            f"train.workers: {settings.workers} workers need a {kind} each, but the Ray cluster has {there}; "
            f"set train.workers to {max(there, 1)} or fewer" + (", or train.gpus to false" if settings.gpus else "")
        )


def _reason(run: Run, error: Any) -> str:
    """Return the first worker's error of ours, which is a sentence, else what is known to be the machines', else Ray's.

    Workers that wait for each other in vain are told by the text of gloo's and NCCL's time-outs.
    """
    for failure in getattr(error, "worker_failures", {}).values():
        cause = getattr(failure, "_base_exc", failure)
        if isinstance(cause, ShutterprintError):
            return str(cause)
    again = f"{run.name}: the Ray workers failed {MAX_FAILURES + 1} times"
    if _TIMED_OUT.search(str(error)):
        return (
            f"{again}: they waited for each other in vain; look whether the machines reach each other on all ports, "
            "and set GLOO_SOCKET_IFNAME (with GPUs NCCL_SOCKET_IFNAME) to their network interface on every machine, "
            f"then run the same command again: it continues from the last checkpoint. Last: {error}"
        )
    return f"{again}; run the same command again. Last: {error}"
