"""Hosts: whom the crawler contacts, by name and by the address that a name leads to, on both of Scrapy's reactors."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from crawlers.network.hosts import PublicResolver, is_open, is_through_proxy, url_refusal

ASYNCIO = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
EPOLL = "twisted.internet.epollreactor.EPollReactor"

SPIDER = """
import json, sys
import scrapy
from scrapy.crawler import AsyncCrawlerProcess, CrawlerProcess

port, reactor, resolver, asked = json.loads(sys.argv[1])
patterns = []

class Asking(scrapy.Spider):
    name = "asking"

    async def start(self):
        for patterns[:], host in asked:
            for middleware in self.crawler.engine.downloader.middleware.middlewares:
                if hasattr(middleware, "patterns"):
                    middleware.patterns = tuple(patterns)
            try:
                request = scrapy.Request(f"http://{host}:{port}/", dont_filter=True)
                response = await self.crawler.engine.download_async(request)
                print(json.dumps([list(patterns), host, response.status]))
            except Exception as error:
                print(json.dumps([list(patterns), host, f"{type(error).__name__}: {error}"]))
        for nothing in ():
            yield nothing

settings = {
    "TWISTED_REACTOR": reactor,
    "TWISTED_DNS_RESOLVER": resolver,
    "DOWNLOADER_MIDDLEWARES": {"crawlers.network.hosts.AllowedHosts": 20},
    "SHUTTERPRINT_HOSTS": [],
    "REMOTE_CONTROL_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "RETRY_ENABLED": False,
    "LOG_ENABLED": False,
}
process = (AsyncCrawlerProcess if "asyncio" in reactor else CrawlerProcess)(settings)
process.crawl(Asking)
process.start()
"""
"""Asks hosts one after the other, each with patterns of its own, and prints what became of it."""

ASKED = {
    ("127.0.0.1", "127.0.0.1"): 200,
    ("127.0.0.1", "127.0.0.2"): "HostRefused: host 127.0.0.2 is not one of the source's hosts: 127.0.0.1",
    ("127.*", "127.0.0.2"): "DownloadConnectionRefusedError",  # nobody is there, but it was tried
    ("localhost", "localhost"): "HostRefused: host localhost leads to ",
    ("localhost 127.0.0.1", "localhost"): 200,
    ("127.1", "127.1"): "HostRefused: host 127.1 leads to 127.0.0.1, which is not public",  # other ways to write it
    ("0x7f000001", "0x7f000001"): "HostRefused: host 0x7f000001 leads to 127.0.0.1, which is not public",
    ("2130706433", "2130706433"): "HostRefused: host 2130706433 leads to 127.0.0.1, which is not public",
    ("[[]::ffff:*", "[::ffff:127.0.0.1]"): "HostRefused",
    ("*.invalid", "nowhere.invalid"): "CannotResolveHostError: no address is known of host nowhere.invalid",
}
"""Patterns and host → the status of the answer, or how the error begins."""


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


@pytest.fixture(scope="module")
def port():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def ask(port, repository, tmp_path_factory):
    script = tmp_path_factory.mktemp("spider") / "asking.py"
    script.write_text(SPIDER)

    def ask(reactor, asked, resolver="crawlers.network.hosts.PublicResolver"):
        arguments = [port, reactor, resolver, [[patterns.split(), host] for patterns, host in asked]]
        done = subprocess.run(
            [sys.executable, str(script), json.dumps(arguments)],
            cwd=repository,
            env={"PYTHONPATH": str(repository), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return {(" ".join(patterns), host): answer for patterns, host, answer in answers}

    return ask


@pytest.mark.parametrize("reactor", [ASYNCIO, EPOLL])
def test_a_host_is_contacted_only_where_its_name_and_its_address_may_be(ask, reactor):
    answers = ask(reactor, ASKED)
    assert answers.keys() == ASKED.keys()
    wrong = {
        each: answers[each]
        for each, expected in ASKED.items()
        if not (answers[each] == expected or str(answers[each]).startswith(str(expected)))
    }
    assert wrong == {}


def test_without_the_resolver_nobody_is_contacted(ask):
    answers = ask(ASYNCIO, [("127.0.0.1", "127.0.0.1")], "scrapy.resolver.CachingThreadedResolver")
    assert "cannot be checked" in answers["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("64:ff9b::5db8:d822", True),  # a public IPv4 address, by NAT64
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),  # where clouds hand out their machines' credentials
        ("0.0.0.0", False),  # this machine, to most systems
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff0e::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
    ],
)
def test_only_public_addresses_are_open(address, is_public):
    assert is_open(address, ("*.staticflickr.com", "localhost")) is is_public


def test_an_address_that_stands_in_the_hosts_itself_is_open():
    assert is_open("10.1.2.3", ("10.1.2.*",))
    assert is_open("::1", ("::1",))
    assert is_open("::ffff:127.0.0.1", ("127.0.0.1",))
    assert not is_open("10.1.3.3", ("10.1.2.*", "files.example.org"))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://live.staticflickr.com/1/2_o.jpg", True),
        ("http://live.staticflickr.com:8080/1/2_o.jpg", True),
        ("https://live.staticflickr.com.evil.example/", False),
        ("https://live.staticflickr.com@evil.example/", False),
        ("https://live.staticflickr.com:x@evil.example/", False),
        ("ftp://live.staticflickr.com/", False),
        ("file:///etc/passwd", False),
        ("data:image/jpeg;base64,AAAA", False),
        ("//live.staticflickr.com/", False),
        ("https://", False),
        ("", False),
    ],
)
def test_a_url_is_allowed_by_its_scheme_and_its_host_alone(url, allowed):
    assert (url_refusal(url, ("*.staticflickr.com",)) is None) is allowed


class _Answers:
    """What a reactor's own resolver does, with an answer that does not change."""

    def __init__(self, *addresses):
        self.addresses, self.asked = addresses, 0

    def resolveHostName(self, receiver, host, port=0, types=None, semantics="TCP"):  # noqa: N802
        from twisted.internet.address import IPv4Address

        self.asked += 1
        receiver.resolutionBegan(None)
        for address in self.addresses:
            receiver.addressResolved(IPv4Address("TCP", address, port))
        receiver.resolutionComplete()


def resolved(resolver, host):
    """Return the addresses and ports a connection to port 443 of `host` would try."""
    given = []
    receiver = SimpleNamespace(
        resolutionBegan=lambda resolution: None,
        addressResolved=lambda address: given.append((address.host, address.port)),
        resolutionComplete=lambda: given.append("complete"),
    )
    resolver.resolveHostName(receiver, host, 443)
    assert given.pop() == "complete"
    return given


def test_of_a_name_with_several_addresses_only_the_open_ones_are_connected_to():
    resolver = PublicResolver(SimpleNamespace(nameResolver=_Answers("93.184.216.34", "10.0.0.1")))
    assert resolved(resolver, "both.example") == [("93.184.216.34", 443)]
    resolver.patterns = ("10.0.0.1",)
    assert resolved(resolver, "both.example") == [("93.184.216.34", 443), ("10.0.0.1", 443)]


def test_the_proxy_that_the_environment_names_may_stand_in_a_private_network(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    resolver = PublicResolver(SimpleNamespace(nameResolver=_Answers("10.0.0.9")))
    assert resolved(resolver, "proxy.example") == [("10.0.0.9", 443)]
    assert resolved(resolver, "other.example") == []
    assert is_through_proxy("https://live.staticflickr.com/")
    assert not is_through_proxy("http://live.staticflickr.com/")
    assert not is_through_proxy("https://inside.example/")
