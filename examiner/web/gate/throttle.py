"""Throttle: how often one client may ask: a bucket of permits for each, which fills at a steady rate."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

_CLIENTS = 10_000
_IPV6_CLIENT_BITS = 64
"""One subscriber has at least so many addresses of IPv6 that begin alike."""


class Throttle:
    """Buckets of permits by client; bounded, since the clients seen longest ago are forgotten."""

    def __init__(self, per_minute: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with full buckets of `burst` permits that gain `per_minute` permits a minute."""
        self._per_s, self._burst, self._clock = per_minute / 60, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> int:
        """Take a permit and return 0, or return after how many whole seconds there will be one."""
        now_s = self._clock()
        permits, at_s = self._buckets.pop(client, (float(self._burst), now_s))
        permits = min(self._burst, permits + (now_s - at_s) * self._per_s)
        wait_s = 0 if permits >= 1 else max(1, math.ceil((1 - permits) / self._per_s))
        self._buckets[client] = (permits - 1 if wait_s == 0 else permits, now_s)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        return wait_s


def client_name(address: str) -> str:
    """Return what counts as one client: an address of IPv4, or the first 64 bits of one of IPv6."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, _IPV6_CLIENT_BITS), strict=False))
