"""Downloader middleware and resolver that let a crawl contact the source's own hosts only, redirects included.

A file's address comes from an API's answer and a redirect from any server, and neither may send the crawler elsewhere,
least of all into this machine's own network. So host names are checked against the source's `hosts`, and then the
addresses they resolve to: only public ones, and those that `hosts` names itself, are connected to. The check of
addresses is in the reactor's resolver, so a name cannot resolve differently between the check and the connection.
"""

# ruff: noqa: N803 - arguments named by Twisted
import fnmatch
import ipaddress
import time
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any, Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import CannotResolveHostError, IgnoreRequest
from scrapy.resolver import HostResolution
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

ALLOWED_HOSTS_SETTING = "SHUTTERPRINT_HOSTS"

NAMES_KEPT_S = 300.0  # how long a name's addresses are used: a crawl may take days, and file hosts move

NAT64 = ipaddress.ip_network("64:ff9b::/96")  # IPv6 addresses whose last four bytes are an IPv4 address (RFC 6052)


class HostRefused(IgnoreRequest):
    """The request goes to a host that may not be contacted; the text says why."""


def url_refusal(url: str, patterns: Iterable[str]) -> str | None:
    """Return why a URL may not be requested, None where it is HTTP(S) to a host that shell-style `patterns` match."""
    parts, patterns = urlsplit(url), tuple(patterns)
    if parts.scheme not in ("http", "https"):
        return f"addresses of scheme {parts.scheme} are not asked for, only http and https"
    if not is_named(patterns, parts.hostname or ""):
        return f"host {parts.hostname} is not one of the source's hosts: {', '.join(patterns)}"
    return None


def address_refusal(addresses: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return why none of a host's addresses may be connected to, None where one may; continues "host such and such"."""
    addresses, patterns = tuple(addresses), tuple(patterns)
    if any(is_open(address, patterns) for address in addresses):
        return None
    found = ", ".join(addresses)
    return f"leads to {found}, which is not public; if that is meant, name the address in the source's hosts"


def is_open(address: str, patterns: Iterable[str]) -> bool:
    """Whether an IP address may be connected to: it is public, or one of `patterns` matches the address itself."""
    ip = ipaddress.ip_address(address.partition("%")[0])  # behind it: the interface of a link-local address
    if isinstance(ip, ipaddress.IPv6Address):  # judged as the IPv4 address it stands for, where it does
        in_nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or in_nat64 or ip
    return (ip.is_global and not ip.is_multicast) or is_named(patterns, str(ip))


def is_through_proxy(url: str) -> bool:
    """Whether the environment (HTTPS_PROXY, NO_PROXY …) sends a request through a proxy, which resolves the name."""
    parts = urlsplit(url)
    return parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.netloc)


class AllowedHosts:
    """Downloader middleware that refuses requests to other hosts; the photo then gets a failed row."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self.through_proxy: dict[str, bool] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the middleware for the hosts that the spider has put into the settings."""
        return cls(crawler.settings.getlist(ALLOWED_HOSTS_SETTING))

    async def process_request(self, request: Request) -> None:
        """Raise HostRefused for a request that may not be made, CannotResolveHostError for an unknown name."""
        if (refusal := url_refusal(request.url, self.patterns)) is not None:
            raise HostRefused(refusal)
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self.through_proxy:  # asked once: it reads the whole environment
            self.through_proxy[origin] = is_through_proxy(request.url)
        if not self.through_proxy[origin]:
            await self._check_addresses(str(parts.hostname))

    async def _check_addresses(self, host: str) -> None:
        from twisted.internet import reactor  # importing it installs it, and Scrapy has to choose which one first

        if not reactor.running:  # except asyncio's: Scrapy starts the spider first, then sets the resolver
            await maybe_deferred_to_future(deferLater(reactor, 0))
        resolver = reactor.nameResolver
        if not isinstance(resolver, PublicResolver):
            raise HostRefused(
                f"host {host} cannot be checked: TWISTED_DNS_RESOLVER is not crawlers.network.hosts.PublicResolver"
            )
        resolver.patterns = self.patterns
        addresses = await resolver.look_up(host)
        if not addresses:
            raise CannotResolveHostError(f"no address is known of host {host}")
        if (refusal := address_refusal(addresses, self.patterns)) is not None:
            raise HostRefused(f"host {host} {refusal}")


class PublicResolver:
    """The reactor's resolver, which returns only addresses that may be connected to; address literals pass it too.

    Scrapy's setting TWISTED_DNS_RESOLVER names it. The middleware sets `patterns` to those of the crawl.
    """

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.original = reactor.nameResolver
        self.patterns: tuple[str, ...] = ()
        self.known: dict[str, tuple[float, list[Any]]] = {}
        self.proxies = {urlsplit(proxy).hostname for proxy in urllib.request.getproxies().values()}

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: Any) -> Self:
        """Return the resolver; Scrapy calls this before the reactor runs."""
        return cls(reactor)

    def install_on_reactor(self) -> None:
        """Become the resolver of every connection by name."""
        self.reactor.installNameResolver(self)

    async def look_up(self, host: str) -> list[str]:
        """Return all addresses of a host, public or not; an empty list where it has none."""
        if host not in self._fresh():
            found: Deferred[list[Any]] = Deferred()
            self.original.resolveHostName(_Collected(found.callback), host)
            if addresses := await maybe_deferred_to_future(found):
                self.known[host] = (time.monotonic() + NAMES_KEPT_S, addresses)
        return [address.host for address in self._fresh().get(host, [])]

    def resolveHostName(  # noqa: N802 - Twisted's name, as are those of the last arguments
        self, receiver: Any, host: str, portNumber: int = 0, addressTypes: Any = None, transportSemantics: str = "TCP"
    ) -> Any:
        """Give the receiver those addresses of a host that may be connected to."""

        def give(addresses: list[Any]) -> None:
            for address in addresses:
                if host in self.proxies or is_open(address.host, self.patterns):
                    receiver.addressResolved(type(address)("TCP", address.host, portNumber))
            receiver.resolutionComplete()

        if host in self._fresh() and addressTypes is None:
            resolution = HostResolution(host)
            receiver.resolutionBegan(resolution)
            give(self._fresh()[host])
            return resolution
        collected = _Collected(give, receiver.resolutionBegan)
        return self.original.resolveHostName(collected, host, portNumber, addressTypes, transportSemantics)

    def _fresh(self) -> dict[str, list[Any]]:
        now_s = time.monotonic()
        self.known = {host: (until_s, found) for host, (until_s, found) in self.known.items() if now_s < until_s}
        return {host: found for host, (_, found) in self.known.items()}


class _Collected:
    def __init__(
        self, done: Callable[[list[Any]], None], began: Callable[[Any], None] = lambda resolution: None
    ) -> None:
        self.done, self.resolutionBegan = done, began
        self.addresses: list[Any] = []

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        self.addresses.append(address)

    def resolutionComplete(self) -> None:  # noqa: N802
        self.done(self.addresses)


def is_named(patterns: Iterable[str], host: str) -> bool:
    """Whether one of shell-style `patterns` matches a host."""
    return any(fnmatch.fnmatchcase(host.casefold(), pattern.casefold()) for pattern in patterns)
