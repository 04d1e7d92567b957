"""A slow network for benchmarks: a TCP proxy that delays every byte and caps each connection.

    python -m benchmarks.storage.slow_network HOST:PORT [--delay-ms 50] [--mb-per-s 20]

It listens on a free port of 127.0.0.1 and prints it. Half of `--delay-ms` is added in each direction, so a request on
an open connection takes that much longer, and a new connection waits once more for its handshake. `--mb-per-s` caps
what flows to the client in *each connection*, as one TCP connection to an object store is capped; 0: no cap. For each
line on standard input it prints what has passed since the last one as JSON; at the end of the input it stops.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass

from benchmarks.places import REPOSITORY

CHUNK_BYTES = 1 << 16
CHUNKS_MAX = 64
"""Chunks under way in one direction: 4 MiB, four times what 20 MB/s holds in 50 ms."""


@dataclass
class Traffic:
    """What has passed."""

    connections: int = 0
    requests: int = 0
    received_bytes: int = 0
    """Bytes to the client, headers included."""


@dataclass
class Line:
    """How slow the network is, and what has passed it."""

    delay_s: float
    bytes_per_s: float
    traffic: Traffic

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
        """Serve one connection."""
        self.traffic.connections += 1
        await asyncio.sleep(self.delay_s)
        try:
            answers, upstream = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self.ask(reader, upstream), self.answer(answers, writer))

    async def ask(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        """Carry requests, delayed."""
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                self.traffic.requests += data.count(b" HTTP/1.1\r\n")
                loop.call_later(self.delay_s / 2, upstream.write, data)
        loop.call_later(self.delay_s / 2, upstream.close)

    async def answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry answers, delayed and no faster than the cap."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_MAX)

        async def take() -> None:
            data = b"-"
            while data:
                try:
                    data = await answers.read(CHUNK_BYTES)
                except ConnectionError:
                    data = b""
                await under_way.put((loop.time() + self.delay_s / 2, data))

        taking = asyncio.create_task(take())
        free_s = 0.0
        with suppress(ConnectionError):
            while True:
                due_s, data = await under_way.get()
                free_s = max(due_s, free_s) + (len(data) / self.bytes_per_s if self.bytes_per_s else 0)
                if (wait_s := free_s - loop.time()) > 0:
                    await asyncio.sleep(wait_s)
                if not data:
                    break
                self.traffic.received_bytes += len(data)
                writer.write(data)
                await writer.drain()
        taking.cancel()
        writer.close()


async def serve(host: str, port: int, delay_s: float, bytes_per_s: float) -> None:
    """Serve until standard input ends."""
    line = Line(delay_s, bytes_per_s, Traffic())
    server = await asyncio.start_server(
        lambda reader, writer: line.connected(reader, writer, host, port), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(asdict(line.traffic)), flush=True)
        line.traffic = Traffic()
    loop.set_exception_handler(lambda *_: None)  # connections that are cut off now are no news


class SlowNetwork:
    """The proxy as a process of its own; use it in a `with`."""

    def __init__(self, host: str, port: int, delay_ms: float = 50, mb_per_s: float = 20) -> None:
        words = [f"{host}:{port}", f"--delay-ms={delay_ms}", f"--mb-per-s={mb_per_s}"]
        command = [sys.executable, "-m", "benchmarks.storage.slow_network", *words]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> "SlowNetwork":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def traffic(self) -> Traffic:
        """Return what has passed since the last call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Traffic(**json.loads(self._process.stdout.readline()))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("upstream")
    parser.add_argument("--delay-ms", type=float, default=50)
    parser.add_argument("--mb-per-s", type=float, default=20)
    asked = parser.parse_args()
    host, _, port = asked.upstream.rpartition(":")
    asyncio.run(serve(host, int(port), asked.delay_ms / 1000, asked.mb_per_s * 1e6))


if __name__ == "__main__":
    main()
