"""A connection to a server: TLS with the system's CAs and those of the zone, and the proxies that
the host's environment names."""

from __future__ import annotations

import base64
import http.client
import ipaddress
import os
import socket
import ssl
from functools import lru_cache
from typing import Optional
from urllib.parse import SplitResult, unquote, urlsplit

from .failures import TransportFailure
from .wish import Limits

#: OpenSSL's X509_V_FLAG_PARTIAL_CHAIN, which Python 3.9 has no name for.
_PARTIAL_CHAIN = 0x80000


class _Response(http.client.HTTPResponse):
    """An answer behind those that only announce it: http.client passes by 100 alone, and takes 102
    and 103 (RFC 9110, 15.2; RFC 8297) for the answer."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_ANNOUNCED):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 102 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("it announces its answer again and again")


_MOST_ANNOUNCED = 20


def connection_to(
    parts: SplitResult, limits: Limits
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """An unopened connection, what stands before a request's path on it, and headers it needs.

    Both are empty but for plain http through a proxy, which wants to know the server's name.
    """
    secure = parts.scheme.lower() == "https"
    host, port = parts.hostname or "", parts.port
    proxy = _proxy_for(parts)
    if proxy is None:
        connection = _connection(secure, host, port, limits)
        if not limits.private:  # http.client asks this for its socket, before TLS and any byte
            connection._create_connection = _public  # type: ignore[attr-defined]
        return connection, "", {}
    headers = _credentials(proxy)
    connection = _connection(secure, proxy.hostname or "", proxy.port or 80, limits)
    if secure:
        connection.set_tunnel(host, port or 443, headers)
        return connection, "", {}
    return connection, f"http://{parts.netloc.rpartition('@')[2]}", headers


def _connection(
    secure: bool, host: str, port: int | None, limits: Limits
) -> http.client.HTTPConnection:
    connection: http.client.HTTPConnection
    if secure:
        context = _context(limits.trust)
        connection = http.client.HTTPSConnection(
            host, port, timeout=limits.connect, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=limits.connect)
    connection.response_class = _Response
    return connection


def _public(
    address: tuple[str, int], timeout: float = 5.0, source_address: Optional[tuple[str, int]] = None
) -> socket.socket:
    """A connection to a server that the whole internet reaches, whatever names and redirects led to
    it: its addresses are looked at before one of just these is connected to, so that nobody learns
    what listens at another. Raises TransportFailure for any other."""
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    places = list(dict.fromkeys(str(where[0]) for *_, where in found))
    for place in places:
        if not _is_public(place):
            raise TransportFailure(
                f"{address[0]} has an address ({place}) that is not for this account", final=True
            )
    for number, place in enumerate(places, 1):
        try:
            return socket.create_connection((place, address[1]), timeout, source_address)
        except OSError:
            if number == len(places):
                raise
    raise OSError(f"{address[0]} has no address")


def _is_public(text: str) -> bool:
    place = ipaddress.ip_address(text.partition("%")[0])
    place = getattr(place, "ipv4_mapped", None) or place
    return place.is_global and not place.is_multicast


@lru_cache(maxsize=4)
def _context(trust: tuple[str, ...]) -> ssl.SSLContext:
    """Names are verified, TLS is 1.2 or newer; loading the system's CAs takes 20 ms, once."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Since Python 3.13 strict by itself: private CAs without key identifiers would be refused.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if trust:
        # As in Java's keystore, which CloudStack uses: what is trusted need not be a root.
        context.verify_flags |= _PARTIAL_CHAIN
        context.load_verify_locations(cadata="\n".join(trust))
    return context


def _proxy_for(parts: SplitResult) -> SplitResult | None:
    """What http_proxy, https_proxy, all_proxy and no_proxy say (in lower or upper case)."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None  # spares the import, 15 ms
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    place = proxies.get(parts.scheme.lower()) or proxies.get("all")
    if not place or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = urlsplit(place if "://" in place else f"http://{place}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise TransportFailure(
            f"the proxy for {parts.scheme} is '{proxy.scheme}:', and only http: is supported",
            final=True,
        )
    return proxy


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
