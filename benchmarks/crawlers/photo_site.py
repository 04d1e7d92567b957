"""A photo site on loopback for the crawl's benchmarks: nginx with photographs and an API, and the log of what it sent.

All requests, the API's too, pass through nginx, whose log says what was sent, how many bytes and when. Connections are
paced by nginx's `limit_rate`. Output is sent in small pieces through small socket buffers, so that the bytes counted as
sent are those that the client has received, without those still in buffers.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.crawlers.photos import Photos
from benchmarks.places import REPOSITORY

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
NO_NGINX = "nginx not found; Debian's package nginx-light has it"
START_S = 10.0

CONFIGURATION = r"""
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 2048; }}
http {{
    log_format measured '$msec $request_time $status $bytes_sent $body_bytes_sent $connection $uri $http_range';
    access_log {folder}/access.log measured;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    types {{ image/jpeg jpg; }}
    server {{
        listen 127.0.0.1:{port} backlog=511{buffers};
        location /rest {{ proxy_pass http://127.0.0.1:{api_port}; proxy_buffers 16 1m; proxy_buffer_size 64k;
                          proxy_busy_buffers_size 2m; }}
        location /flickr-files/ {{ rewrite ^/flickr-files/(\d+)_ /photos/$1.jpg last; }}
        location /photos/ {{ root {photos}; {pace} {ranges} }}
    }}
}}
"""


@dataclass(frozen=True)
class Served:
    """One request that nginx has answered, or that its client aborted.

    Times are seconds since 1970, to the millisecond. `sent_bytes` includes the response's header, `body_bytes` does
    not.
    """

    began_s: float
    ended_s: float
    status: int
    sent_bytes: int
    body_bytes: int
    connection: str
    path: str
    range: str

    @property
    def is_file(self) -> bool:
        """Whether the request was for a photograph, not for the API."""
        return self.path.startswith("/photos/")

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]


class PhotoSite:
    """Serves photographs and their API until the context is left.

    `bytes_per_s`: pace of each connection, None for no limit. `piece_bytes`: size of the pieces in which paced output
    is sent. `honours_ranges`: whether `Range` is answered. `states_sizes`: whether the API states the pictures' sizes,
    by which a crawl can refuse some without a download. `api_delay_s`: delay of each API answer.
    """

    def __init__(
        self,
        photos: Photos,
        folder: Path,
        *,
        bytes_per_s: int | None = None,
        piece_bytes: int = 32 << 10,
        honours_ranges: bool = True,
        states_sizes: bool = True,
        api_delay_s: float = 0.0,
    ) -> None:
        self.photos, self.folder = photos, folder
        folder.mkdir(parents=True)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api_url = f"{self.url}/rest"
        sizes = "sizes" if states_sizes else "no-sizes"
        words = [str(photos.folder.resolve()), self.url, str(api_delay_s), sizes]
        command = [sys.executable, "-m", "benchmarks.crawlers.api", *words]
        self.api = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        assert self.api.stdout is not None
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.geteuid() == 0 else ""
        paced = f"sendfile off; output_buffers 1 {piece_bytes}; postpone_output 0; limit_rate {bytes_per_s};"
        (folder / "nginx.conf").write_text(
            CONFIGURATION.format(
                user=user,
                folder=folder,
                port=self.port,
                api_port=int(self.api.stdout.readline()),
                photos=photos.folder,
                buffers=" sndbuf=32k rcvbuf=32k" if bytes_per_s else "",
                pace=paced if bytes_per_s else "sendfile on;",
                ranges="" if honours_ranges else "max_ranges 0;",
            )
        )
        self.nginx = self._start_nginx()

    @property
    def urls(self) -> list[str]:
        """The files' addresses."""
        return [f"{self.url}/photos/{photo.file}" for photo in self.photos.listed]

    def position(self) -> int:
        """Return the log's length in bytes, from which `served` can start later."""
        log = self.folder / "access.log"
        return log.stat().st_size if log.exists() else 0

    def served(self, since: int = 0) -> list[Served]:
        """Return the requests logged after a position, in the order in which they ended."""
        with (self.folder / "access.log").open("rb") as log:
            log.seek(since)
            lines = log.read().decode().splitlines(keepends=True)
        return [_read(line) for line in lines if line.endswith("\n")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.nginx, self.api):
            process.terminate()
            process.wait()

    def _start_nginx(self) -> subprocess.Popen[bytes]:
        assert NGINX is not None, NO_NGINX
        process = subprocess.Popen([NGINX, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")])
        until_s = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < until_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return process
        process.kill()
        self.api.kill()
        sys.exit(f"nginx did not start: see {self.folder}/error.log")


def duration_s(requests: Sequence[Served]) -> float:
    """Return the time from the first request's start to the last one's end."""
    return max(request.ended_s for request in requests) - min(request.began_s for request in requests)


def peak_parallel(requests: Sequence[Served]) -> int:
    """Return the most requests that were open at once; one that starts as another ends does not overlap it."""
    moments = [(request.ended_s, -1) for request in requests] + [(request.began_s, 1) for request in requests]
    running = peak = 0
    for _, step in sorted(moments):
        running += step
        peak = max(peak, running)
    return peak


def _read(line: str) -> Served:
    ended, lasted, status, sent, body, connection, path, asked = line.rstrip("\n").split(" ", 7)
    ended_s = float(ended)
    began_s = round(ended_s - float(lasted), 3)
    return Served(began_s, ended_s, int(status), int(sent), int(body), connection, path, "" if asked == "-" else asked)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
