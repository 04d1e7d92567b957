"""Serving: runs the page on Ray Serve while a `with` block lasts: on the cluster of RAY_ADDRESS, else on this machine.

Ray's own lines stay in its logs. A cluster on which Ray Serve runs already is left alone: what else it serves would
share the page's address, and would end with it.
"""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from corpus.errors import StageError
from examiner.web.gate.access import Access
from train.fit.cluster import check_reachable, not_started

APPLICATION = "shutterprint"
_ADDRESS = "RAY_ADDRESS"
_OBJECT_STORE_BYTES = 512 << 20
"""Of a Ray that is started here: through it go files that are examined, one to each examiner."""


@contextmanager
def on_ray(
    settings: dict[str, Any], access: Access, host: str, port: int, certificate: str | None, private_key: str | None
) -> Iterator[None]:
    """Serve the page at `host:port` of the head, until the block ends.

    `settings`: the fields of `Settings` (`examiner.web.cluster.deployment`). `certificate` and `private_key`: PEM
    files, to serve https. Raises StageError where Ray does not start or cannot be reached, has too few CPUs, serves
    something else already, or where the page does not start on it.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # a warning otherwise
    embedded = _ADDRESS not in os.environ
    if embedded:
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # else Ray writes a token file for this process alone
    import ray
    from ray import serve
    from ray.serve.exceptions import RayServeException

    from examiner.web.cluster.deployment import Settings, deployed

    wanted = Settings(**settings)
    cluster: Any = ray  # which has no types, and neither has `serve.shutdown`
    stop: Any = serve.shutdown
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if embedded:
        options |= {
            "num_cpus": wanted.examiners, "object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False,
        }  # fmt: skip
    address = "local" if embedded else os.environ[_ADDRESS]
    check_reachable(address)
    terminated = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, namespace="serve", **options)
    except Exception as error:
        if (told := not_started(address, error, "serve without --ray")) is None:
            raise
        raise StageError(told) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminated)  # Ray's own handler ends the process with another exit code
    try:
        check_resources(cluster.cluster_resources(), wanted.examiners)
        if serve.status().proxies:
            raise StageError(
                f"--ray: Ray Serve runs already on the cluster of {_ADDRESS}; deploy the page to it with "
                "`serve deploy` (docs/examiner.md says how), or end what runs there with `serve shutdown`"
            )
        try:
            with _unheard():
                serve.start(
                    proxy_location="HeadOnly", logging_config={"enable_access_log": False},
                    http_options={"host": host, "port": port, "ssl_certfile": certificate, "ssl_keyfile": private_key},
                )  # fmt: skip
                serve.run(deployed(wanted, access), name=APPLICATION)
            yield
        except (RuntimeError, RayServeException, ray.exceptions.RayError) as error:
            raise StageError(f"--ray: the page does not start on Ray: {_reason(error)}") from error
        finally:
            with _unheard():
                stop()
    finally:
        with _unheard():
            cluster.shutdown()


@contextmanager
def _unheard() -> Iterator[None]:
    """Print nothing: a thread of Ray prints what its processes complain of while they start and end."""
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
        yield


def wait_for_the_end() -> None:
    """Wait until this process is asked to end (SIGINT or SIGTERM)."""
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    while not ended.wait(3600):
        pass


def check_resources(resources: dict[str, float], examiners: int) -> None:
    """Raise StageError where a cluster has fewer CPUs than `examiners`; one that grows on demand counts as it is."""
    there = int(resources.get("CPU", 0))
    if there < examiners:
        raise StageError(
            f"--at-once: {examiners} examinations at once need a CPU each, but the Ray cluster has {there}; "
            f"give --at-once {max(there, 1)} or fewer"
        )


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
