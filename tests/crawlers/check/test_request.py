"""One call to an API: what comes back, and what is refused on the way."""

import datetime
import http.server
import json
import ssl
import threading
import time
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crawlers.check.request import ANSWER_MAX_BYTES, Caller, CallFailed, CallPutOff
from crawlers.network.limits import HostLimits
from crawlers.network.quota import Quota

KEY = "se cret/+&é"


class Server:
    """A server of one answer to everything: `answer(path)` gives status, headers, and the pieces of the body."""

    def __init__(self, answer, context=None):
        self.paths, self.headers = [], []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.paths.append(self.path)
                server.headers.append(dict(self.headers))
                status, headers, pieces = answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for piece in pieces:
                        self.wfile.write(piece)
                except OSError:  # the client has seen enough
                    pass

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if context is not None:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def serve():
    servers = []

    def start(*arguments):
        servers.append(Server(*arguments))
        return servers[-1]

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


@pytest.fixture
def limits(tmp_path):
    return HostLimits(tmp_path / "limits", "127.0.0.1", "api", 1)


def good(path):
    return 200, {"Content-Type": "application/json"}, [b'{"stat": "ok"}']


def caller(server, limits, host="127.0.0.1", hosts=("127.0.0.1",), scheme="http", **more):
    return Caller(f"{scheme}://{host}:{server.port}/api", hosts, "Shutterprint/0 (tests@example.org)", limits, **more)


def test_the_answer_comes_back_as_json_and_the_server_is_told_who_asks(serve, limits):
    server = serve(good)
    assert caller(server, limits, secret=KEY).ask({"api_key": KEY, "method": "a b"}) == {"stat": "ok"}
    assert server.paths == ["/api?api_key=se+cret%2F%2B%26%C3%A9&method=a+b"]
    assert server.headers[0]["User-Agent"] == "Shutterprint/0 (tests@example.org)"
    assert server.headers[0]["Host"] == f"127.0.0.1:{server.port}"


def test_a_host_that_is_not_the_sources_is_not_asked(serve, limits):
    server = serve(good)
    with pytest.raises(CallFailed, match=r"host 127\.0\.0\.1 is not one of the source's hosts: api\.example\.org"):
        caller(server, limits, hosts=("api.example.org",)).ask({})
    assert server.paths == []


def test_a_name_that_leads_into_a_private_network_is_not_asked_unless_its_address_is_named_too(serve, limits):
    server = serve(good)
    with pytest.raises(CallFailed, match=r"leads to .*127\.0\.0\.1.*, which is not public"):
        caller(server, limits, "localhost", ("localhost",)).ask({})
    assert server.paths == []
    assert caller(server, limits, "localhost", ("localhost", "127.0.0.1")).ask({}) == {"stat": "ok"}
    assert server.headers[0]["Host"] == f"localhost:{server.port}"


def certificate(folder, name):
    """Write a certificate for a host name that signs itself; return its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.mark.parametrize(("name", "is_trusted"), [("localhost", True), ("api.example.org", False)])
def test_tls_is_spoken_with_the_name_though_the_connection_goes_to_the_address(
    serve, limits, tmp_path, monkeypatch, name, is_trusted
):
    file = certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    asked_for = []
    context.sni_callback = lambda _, server_name, __: asked_for.append(server_name)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    server = serve(good, context)
    asking = caller(server, limits, "localhost", ("localhost", str(ip_address("127.0.0.1"))), "https")
    if is_trusted:
        assert asking.ask({}) == {"stat": "ok"}
    else:
        with pytest.raises(CallFailed, match=r"Hostname mismatch"):
            asking.ask({})
    assert set(asked_for) == {"localhost"}


def echo(path):
    """Return a path as a hostile server may send it back: as it is, and unquoted."""
    return f"{path} {KEY}"


HOSTILE = {
    "a page": (lambda path: (200, {}, [f"<html>{echo(path)}</html>".encode()]), "something other than JSON"),
    "half of an answer": (lambda path: (200, {}, [f'{{"stat": "{echo(path)}'.encode()]), "something other than JSON"),
    "nothing": (lambda path: (200, {}, []), "something other than JSON"),
    "too deep": (lambda path: (200, {}, [b"[" * 1_000_000]), "something other than JSON"),
    "not its full length": (lambda path: (200, {"Content-Length": "99"}, [b"{}"]), "broken"),
    "an error": (lambda path: (403, {}, [echo(path).encode()]), "HTTP 403: /api"),
    "elsewhere": (lambda path: (302, {"Location": f"http://127.0.0.2/{path}"}, []), "redirects to 127.0.0.2"),
    "another path": (lambda path: (301, {"Location": f"/new{path}"}, []), "redirects to another path"),
    "an impossible address": (lambda path: (301, {"Location": "http://[" + path}, []), "ValueError"),
    "packed": (lambda path: (200, {"Content-Encoding": "gzip"}, [b"\x1f\x8b"]), "compressed"),
    "a terminal's commands": (lambda path: (500, {}, [b"\x1b[2J"]), r"\x1b[2J"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_answer_is_a_sentence_without_the_key(serve, limits, kind):
    answer, expected = HOSTILE[kind]
    server = serve(answer)
    with pytest.raises(CallFailed) as caught:
        caller(server, limits, secret=KEY).ask({"api_key": KEY})
    error = caught.value
    assert expected in str(error)
    assert len(str(error)) < 500
    while error is not None:
        assert not [form for form in (KEY, "se%20cret", "se+cret") if form in repr(error)]
        error = error.__cause__ or error.__context__
    assert len(server.paths) == 1


def test_a_redirect_is_not_followed_even_to_the_same_host(serve, limits):
    server = serve(lambda path: (302, {"Location": "/elsewhere"}, []))
    with pytest.raises(CallFailed):
        caller(server, limits).ask({})
    assert server.paths == ["/api"]


def test_an_endless_answer_is_cut_off(serve, limits):
    sent = []

    def endless():
        while True:
            sent.append(1 << 16)
            yield b" " * (1 << 16)

    server = serve(lambda path: (200, {}, endless()))
    with pytest.raises(CallFailed, match="longer than 4 MiB"):
        caller(server, limits).ask({})
    assert sum(sent) < 8 * ANSWER_MAX_BYTES


def test_an_answer_that_drips_is_given_up(serve, limits):
    def drops():
        for _ in range(200):
            yield b" "
            time.sleep(0.02)

    server = serve(lambda path: (200, {}, drops()))
    with pytest.raises(CallFailed, match=r"no whole answer within 0\.3 s"):
        caller(server, limits, timeout_s=0.3).ask({})


def test_a_connection_that_is_refused_says_why_and_not_what_was_asked(serve, limits):
    server = serve(good)
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(CallFailed, match="Connection refused") as caught:
        caller(server, limits, secret=KEY).ask({"api_key": KEY})
    assert "api_key" not in str(caught.value)


def test_a_call_counts_among_those_of_the_key(serve, limits, tmp_path):
    server, quota = serve(good), Quota(tmp_path / "limits", "a key", 20)
    asking = caller(server, limits, quota=quota)
    assert [asking.ask({}) for _ in range(2)] == [{"stat": "ok"}] * 2
    with pytest.raises(CallPutOff, match="the key's calls of this hour are spent; ask again in"):
        asking.ask({})
    assert len(server.paths) == 2


def test_a_call_waits_for_its_turn_among_the_crawls(serve, limits, tmp_path):
    server = serve(good)
    crawl = HostLimits(tmp_path / "limits", "127.0.0.1", "api", 1)
    assert crawl.try_start(time.time()) is None
    with pytest.raises(CallPutOff, match="crawls hold all request slots of the host; ask again later"):
        caller(server, limits, timeout_s=0.1).ask({})
    assert server.paths == []
    crawl.finish()
    assert caller(server, limits).ask({}) == {"stat": "ok"}


def test_a_host_that_asks_for_patience_gets_it_from_all(serve, limits, tmp_path):
    server = serve(lambda path: (429, {"Retry-After": "600"}, []))
    with pytest.raises(CallFailed, match="HTTP 429"):
        caller(server, limits).ask({})
    with pytest.raises(CallPutOff, match=r"the host has asked for a pause.*; ask again in (600|599) s"):
        caller(server, limits).ask({})
    assert len(server.paths) == 1
    assert HostLimits(tmp_path / "limits", "127.0.0.1", "file", 1).try_start(time.time()).seconds > 500


def test_what_is_asked_of_a_secret_is_not_in_its_callers_representation(serve, limits):
    assert json.dumps(KEY)[1:-1] not in repr(caller(serve(good), limits, secret=KEY))
    assert KEY not in repr(caller(serve(good), limits, secret=KEY))
