"""Benchmark: a tiny pipeline on S3, a Dask and a Ray cluster whose machines share no disk, against one machine.

    python -m benchmarks.pipelines.cluster [--workers 2]

Each machine is a network namespace with an address of its own on a bridge, and a mount namespace in which `/tmp` is its
own: none sees a file that another one has written, but for this program. Only the bucket (moto_server behind
`benchmarks/storage/object_store.py`, on the bridge) is common to them. One machine crawls, runs Dask's scheduler and
Ray's head, and gives the commands; the others run a worker of each, started as Dask's and Ray's own documentation says.
The same photographs, settings and seed are then run on this machine alone with as many training workers, on a folder.

Wanted: the same generation, shards and index, byte for byte, and the same evaluation. Needs root, for the namespaces.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.pipelines.clusters import ray_cluster
from benchmarks.pipelines.tiny import Tiny, files_of, whole
from benchmarks.places import REPOSITORY
from benchmarks.storage.object_store import ObjectStore

NETWORK = "10.213.77"
PREFIX = "sp-machine"
BRIDGE = "sp-bridge"
PROGRAMS = Path(sys.executable).parent
RAY_PORT, DASK_PORT = 6379, 8786
# Ray's node process ends where its agents have not told it a port within 15 s, as on a busy machine
AGENT_PORTS = (
    "--dashboard-agent-grpc-port=6391", "--dashboard-agent-listen-port=6392", "--metrics-export-port=6393",
    "--runtime-env-agent-port=6394",
)  # fmt: skip
PATIENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "60",  # it is started again then
    "RAY_gcs_server_request_timeout_seconds": "120",
}


_OWN_FILES = (
    'mount --bind "$0" /tmp && mkdir -p /tmp/home && mount -t tmpfs none "$1" && echo ready && exec sleep infinity'
)


class Machine:
    """A network namespace, and a mount namespace whose `/tmp` is `folder`, without `hidden`.

    A process that sleeps holds the second one.
    """

    def __init__(self, number: int, folder: Path, hidden: Path) -> None:
        self.name, self.address, self.folder = f"{PREFIX}-{number}", f"{NETWORK}.{10 + number}", folder
        folder.mkdir(parents=True)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.cable = f"{PREFIX}-{number}"
        _ip("netns", "add", self.name)
        _ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("link", "set", self.cable, "master", BRIDGE, "up")
        for words in (("addr", "add", f"{self.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            _ip("-n", self.name, *words)
        _ip("-n", self.name, "link", "set", "lo", "up")
        self._anchor = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--mount", "--propagation", "private",
             "sh", "-c", _OWN_FILES, str(folder), str(hidden)],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert self._anchor.stdout is not None
        if self._anchor.stdout.readline() != b"ready\n":
            raise SystemExit(f"{self.name}: cannot have a /tmp of its own")

    def environment(self, store: ObjectStore) -> dict[str, str]:
        """Return the environment of its processes."""
        own = {"HOME": "/tmp/home", "TMPDIR": "/tmp", "GLOO_SOCKET_IFNAME": "eth0"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RAY_", "HOME"))}
        path = os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", os.defpath)])
        return {**kept, **store.environment(), **own, "PATH": path, **PATIENT}

    def inside(self) -> tuple[str, ...]:
        """Return what stands before a command that it runs."""
        own = ("nsenter", "--target", str(self._anchor.pid), "--net", "--mount")
        return (*own, "sh", "-c", 'cd "$0" && exec "$@"', str(REPOSITORY))

    def start(self, store: ObjectStore, *command: str) -> None:
        """Start a server of the machine, which ends with it."""
        log = (self.folder / f"{Path(command[0]).name}-{len(self._processes)}.log").open("wb")
        self._processes.append(
            subprocess.Popen(
                [*self.inside(), *command], env=self.environment(store),
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )
        )  # fmt: skip

    def await_lines(self, *lines: str) -> None:
        """Wait until its servers have written these."""
        until_s = time.monotonic() + 900
        while missing := [line for line in lines if line not in self.logs()]:
            if time.monotonic() > until_s:
                raise SystemExit(f"{self.name} has not said {missing[0]!r}:\n{self.logs()}")
            time.sleep(0.5)

    def logs(self) -> str:
        """Return the last lines of what its servers have written."""
        return "\n".join(f"{path}:\n{path.read_text(errors='replace')[-3000:]}" for path in self.folder.glob("*.log"))

    def end(self) -> None:
        """End all its processes, by the namespace they are in, and remove it."""
        for process in self._processes:
            process.terminate()
        time.sleep(3)
        pids = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False).stdout
        for pid in pids.split():
            subprocess.run(["kill", "-9", pid], check=False, stderr=subprocess.DEVNULL)
        self._anchor.wait()
        _ip("netns", "del", self.name)


@contextmanager
def machines(number: int, folder: Path) -> Iterator[list[Machine]]:
    """Yield machines on a bridge, whose own address is `NETWORK`.1."""
    _ip("link", "add", BRIDGE, "type", "bridge")
    made: list[Machine] = []
    try:
        _ip("addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for one in range(number):
            # the first one gives the commands, so it has their configuration and photographs
            made.append(Machine(one, folder / f"machine-{one}", folder / "alone" if one == 0 else folder))
        yield made
    finally:
        for machine in made:
            machine.end()
        _ip("link", "del", BRIDGE)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def start_cluster(head: Machine, others: list[Machine], store: ObjectStore) -> None:
    """Start Dask's scheduler and Ray's head on one machine, and a worker of each on the others; wait for all."""
    dask, ray = str(PROGRAMS / "dask"), str(PROGRAMS / "ray")
    head.start(store, dask, "scheduler", "--host", head.address, "--port", str(DASK_PORT), "--no-dashboard")
    # object-store-memory: nothing large passes through it
    small = (*AGENT_PORTS, "--object-store-memory", str(128 << 20), "--disable-usage-stats", "--block")
    again = 'while true; do "$0" "$@"; sleep 1; done'  # as a service manager does
    head.start(
        store, "sh", "-c", again, ray, "start", "--head", f"--node-ip-address={head.address}", f"--port={RAY_PORT}",
        "--num-cpus=0", "--include-dashboard=false", *small,
    )  # fmt: skip
    head.await_lines("Scheduler at:", "Ray runtime started")
    for other in others:
        other.start(
            store, dask, "worker", f"tcp://{head.address}:{DASK_PORT}", "--nthreads", "1", "--host", other.address
        )
        other.start(
            store, "sh", "-c", again, ray, "start", f"--address={head.address}:{RAY_PORT}",
            f"--node-ip-address={other.address}", "--num-cpus=1", *small,
        )  # fmt: skip
    for other in others:
        other.await_lines("Registered to:", "Ray runtime started")


def run_alone(data: Path, workers: int) -> None:
    """Run the pipeline on this machine, in a folder, with a Ray head of its own."""
    tiny = Tiny(data.parent, str(data), PATIENT)
    tiny.configure(train={"workers": workers})
    with ray_cluster(data.parent, tiny.environment_of(), workers) as (address, _):
        tiny.environment = {**PATIENT, "RAY_ADDRESS": address}
        for stage in ("crawl", "curation", "train on ray"):
            run("alone", tiny, stage)


def run(where: str, tiny: Tiny, stage: str, prefix: tuple[str, ...] = ()) -> None:
    """Run a stage; raises RuntimeError where it fails."""
    began_s = time.monotonic()
    code, said = tiny.run(stage, 1800, prefix)
    print(f"{where}: {stage}: exit {code}, {time.monotonic() - began_s:.0f} s", flush=True)
    for line in said.splitlines():
        if line.rpartition("requests: ")[1]:
            print(f"{'':<8}requests: {line.rpartition('requests: ')[2]}", flush=True)
    if code != 0:
        raise RuntimeError(said)


def evaluation(files: dict[str, bytes]) -> dict[str, object]:
    """Return the only run's evaluation."""
    (path,) = (path for path in files if path.endswith("/evaluation.json"))
    return dict(json.loads(files[path]))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("ip") is None:
        sys.exit("skipped: needs root and the program ip, for network namespaces")
    # below /tmp nothing of this machine is seen by the others
    with tempfile.TemporaryDirectory(prefix="sp-", dir="/var/tmp") as name, ExitStack() as stack:
        folder = Path(name)
        store_of = _made(folder / "alone") / "data"
        hosts = stack.enter_context(machines(1 + asked.workers, folder))
        store = stack.enter_context(ObjectStore(f"{NETWORK}.1"))
        head, others = hosts[0], hosts[1:]
        both = stack.enter_context(ThreadPoolExecutor(2))
        alone = both.submit(run_alone, store_of, asked.workers)
        both.submit(start_cluster, head, others, store).result()
        clusters = {"dask_scheduler": f"tcp://{head.address}:{DASK_PORT}"}
        own = {**head.environment(store), "RAY_ADDRESS": f"{head.address}:{RAY_PORT}"}
        tiny = Tiny(_made(folder / "together"), store.url, own)
        tiny.configure(clusters=clusters, train={"workers": asked.workers, "cache_folder": None})
        store.counts()
        for stage in ("crawl", "curation", "train on ray"):
            run("cluster", tiny, stage, head.inside())
            print(f"{'':<8}counted by the store: {dict(store.counts())}", flush=True)
        found = {path.removeprefix("data/"): data for path, data in store.objects().items()}
        alone.result()
        wanted = files_of(store_of)
    one, other = whole(wanted), whole(found)
    data = {
        path for path in one.keys() | other.keys() if path.startswith(("originals/", "facts/", "curated/", "shards/"))
    }
    differing = sorted(path for path in data if one.get(path) != other.get(path))
    first, second = evaluation(wanted), evaluation(found)
    print(f"{len(data)} files of originals, facts, generation and shards: {len(differing)} differ {differing[:3]}")
    for key in ("photos", "weighted_accuracy", "unaltered", "manipulated", "chance"):
        print(f"{key:<20}{first.get(key)!s:<24}{second.get(key)!s}")
    is_equal = all(first.get(key) == second.get(key) for key in first if key not in ("run",))
    print("the evaluation is the same" if is_equal else "the evaluation differs")
    sys.exit(0 if is_equal and not differing else 1)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    main()
