"""Serve: the web page that examines photographs and shows the data set and the runs; for this machine alone by default.

`shutterprint serve`, `python -m examiner.serve`. Files that are examined stay in memory for minutes and are written
nowhere.
"""

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.errors import ConfigurationError
from examiner.web.app import Knows, build
from examiner.web.gate.access import TOKEN_MIN_CHARACTERS, TOKEN_VARIABLE, Access, access_for, is_loopback
from examiner.web.limits import Limits
from examiner.web.names import knows_of
from examiner.web.server import check_certificate, server_of
from examiner.web.workers import Workers

_DESCRIPTION = """Serve a web page that examines photographs and shows the data set and the runs.

Only this machine reaches it, unless --host names another address. Who reaches it then needs a token: that of the
environment variable SHUTTERPRINT_TOKEN, or a new one, which is shown on the terminal at the start. Without
--tls-certificate whatever goes over the network can be read on its way.

Files that are examined stay in memory, for --keep-minutes after the last look at them, and are written nowhere."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m examiner.serve", _DESCRIPTION)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8321, help="port to listen at, 0 for a free one (default: 8321)")
    allow = "a further name by which browsers reach this server; may be repeated"
    parser.add_argument("--allow-host", metavar="NAME", action="append", default=[], help=allow)
    parser.add_argument("--generation", metavar="NAME", help="a generation of the data set, or `latest`")
    parser.add_argument("--run", metavar="RUN", help="a run's name, `latest`, or a model handed on (model.zip)")
    parser.add_argument("--private", action="store_true", help="show places, serial numbers and names of people")
    at_once = "photographs examined at once, each in a process of its own (default: 2)"
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help=at_once)
    kept = "minutes for which a file stays in memory after the last look at it (default: 15)"
    parser.add_argument("--keep-minutes", type=float, default=15, metavar="N", help=kept)
    parser.add_argument("--upload-mb", type=int, default=64, metavar="N", help="largest file, in MiB (default: 64)")
    parser.add_argument("--tls-certificate", metavar="FILE", help="certificate chain (PEM), to serve https")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key (PEM)")
    ray = "examine on the Ray cluster of RAY_ADDRESS, else on a Ray of this machine"
    parser.add_argument("--ray", action="store_true", help=ray)
    arguments = parser.parse_args()
    if not (arguments.at_once >= 1 and arguments.upload_mb >= 1 and arguments.keep_minutes > 0):
        parser.error("--at-once, --upload-mb and --keep-minutes must be positive")
    if bool(arguments.tls_certificate) != bool(arguments.tls_key):
        parser.error("--tls-certificate and --tls-key belong together")
    if arguments.tls_certificate:
        check_certificate(arguments.tls_certificate, arguments.tls_key)
    configuration = configuration_of(arguments)
    token, is_new = token_for(arguments.host, os.environ.get(TOKEN_VARIABLE), is_terminal=sys.stdout.isatty())
    knows = knows_of(configuration.store, arguments.generation, arguments.run)
    access = access_for(arguments.host, tuple(arguments.allow_host), token)
    shown = token if is_new else None
    if arguments.ray:
        _on_ray(arguments, configuration, knows, access, shown)
    else:
        _here(arguments, configuration, knows, access, shown)
    return 0


def _here(
    arguments: argparse.Namespace, configuration: Configuration, knows: Knows, access: Access, shown: str | None
) -> None:
    """Serve from this process until it is asked to end; `shown`: the token that the terminal shows."""
    limits = Limits(
        upload_max_bytes=arguments.upload_mb << 20,
        examinations_at_once=arguments.at_once,
        kept_s=arguments.keep_minutes * 60,
    )
    workers = Workers(
        arguments.at_once, corpus=knows.generation, run=knows.run, configuration=arguments.config,
        overrides=arguments.overrides, private=arguments.private,
    )  # fmt: skip
    with listening(arguments.host, arguments.port) as listener, workers:
        app = build(workers.examine, configuration, access, limits, knows)
        server = server_of(app, limits, arguments.tls_certificate, arguments.tls_key)
        host, port = listener.getsockname()[:2]
        print(_address(host, port, arguments.tls_certificate, shown), flush=True)
        server.run(sockets=[listener])


def _on_ray(
    arguments: argparse.Namespace, configuration: Configuration, knows: Knows, access: Access, shown: str | None
) -> None:
    """Serve from a Ray cluster until this process is asked to end."""
    from examiner.web.cluster.serving import on_ray, wait_for_the_end

    with listening(arguments.host, arguments.port) as listener:  # the page shall have the address that is free here
        host, port = listener.getsockname()[:2]
    run = knows.run if knows.run is None or not Path(knows.run).is_file() else str(Path(knows.run).resolve())
    settings = {
        "config": str(configuration.file), "overrides": tuple(arguments.overrides), "generation": knows.generation,
        "run": run, "private": arguments.private, "examiners": arguments.at_once, "upload_mb": arguments.upload_mb,
        "keep_minutes": arguments.keep_minutes,
    }  # fmt: skip
    with on_ray(settings, access, host, port, arguments.tls_certificate, arguments.tls_key):
        print(_address(host, port, arguments.tls_certificate, shown), flush=True)
        wait_for_the_end()


def _address(host: str, port: int, certificate: str | None, shown: str | None) -> str:
    """Return where the page is; the part after # is sent to no server and written to no log."""
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if certificate else 'http'}://{name}:{port}/" + (f"#token={shown}" if shown else "")


def token_for(host: str, given: str | None, *, is_terminal: bool) -> tuple[str | None, bool]:
    """Return the token that clients need, None where they need none, and whether it is a new one.

    `given`: of the environment. Raises ConfigurationError for one that is too short, and where a new one would be
    written into a file because the output is none of a terminal.
    """
    if given:
        if len(given) < TOKEN_MIN_CHARACTERS:
            raise ConfigurationError(f"{TOKEN_VARIABLE} must have at least {TOKEN_MIN_CHARACTERS} characters")
        if not given.isascii() or not given.isprintable() or " " in given:
            raise ConfigurationError(f"{TOKEN_VARIABLE} must be printable ASCII without spaces")
        return given, False
    if is_loopback(host):
        return None, False
    if not is_terminal:
        raise ConfigurationError(
            f"--host {host}: others than this machine need a token; set {TOKEN_VARIABLE}, since without a terminal a "
            "new one would be written into a log"
        )
    return secrets.token_urlsafe(24), True


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises ConfigurationError where the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"{host}:{port} cannot be listened at: {error}; choose another --port") from error
    return listener


if __name__ == "__main__":
    exit_with(main)
