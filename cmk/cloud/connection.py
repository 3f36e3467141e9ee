"""A session of requests to one server: whose certificates it trusts, and by which proxy it goes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.util.ssl_ import create_urllib3_context

from cmk import __version__
from cmk.cloud.body import ACCEPTED
from cmk.errors import ConfigurationError


class _PrivateTrust(HTTPAdapter):
    """Judges certificates as every Python before 3.13 does, whose own strictness refuses the plain
    private CAs that management servers have (no key identifiers, no key usage)."""

    def init_poolmanager(self, *given: Any, **more: Any) -> None:
        super().init_poolmanager(*given, ssl_context=_context(), **more)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=_context(), **more)


def _context() -> ssl.SSLContext:
    context = create_urllib3_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class _Session(requests.Session):
    """One that never looks where a redirect leads: requests reads `Location` as UTF-8 even where it
    is not to go there, and leaves the connection open where it is none."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def opened(url: str, verify: bool, cacert: str, variables: Mapping[str, str]) -> requests.Session:
    """A session for one server. Raises ConfigurationError where `cacert` is not there."""
    session = _Session()
    session.trust_env = False  # it would send what ~/.netrc has for the host, too
    session.proxies = get_environ_proxies(url)
    session.headers.update({"User-Agent": f"cmk/{__version__}", "Accept-Encoding": ACCEPTED})
    if verify:
        session.verify = _bundle(cacert, variables)
        session.mount("https://", _PrivateTrust())
    else:
        import urllib3

        session.verify = False
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return session


def _bundle(cacert: str, variables: Mapping[str, str]) -> bool | str:
    """The file of CAs to trust; True for those that come with requests."""
    if cacert:
        path = Path(cacert).expanduser()
        if not path.exists():
            raise ConfigurationError(f"cacert = {path}: there is no such file.")
        return str(path)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if variables.get(name):
            return variables[name]
    return True
