"""Servers that other programs' files name, for who has no file of cmk's yet.

    ~/.cloudstack.ini, $CLOUDSTACK_CONFIG    of cs and Ansible: [cloudstack], or $CLOUDSTACK_REGION
    ~/.cloudmonkey/config                    of CloudMonkey 5: [core] names the profile

They are read, never written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from cmk.config.file import Config, Profile
from cmk.environment import Environment
from cmk.errors import ConfigurationError

#: What cs calls things, and what they are called here. Its `timeout` is of one request, and ours of
#: a job: it is left out.
_OF_CS = {"endpoint": "url", "key": "apikey", "secret": "secretkey", "cert": "cacert"}
_OF_CLOUDMONKEY = {"verifysslcert": "verifycert", "display": "output"}
_KEPT = ("url", "username", "password", "domain", "apikey", "secretkey", "timeout", "asyncblock")


def found(environment: Environment) -> Profile | None:
    """The server that such a file names, None where there is none.

    Raises ConfigurationError for a file that was asked for and is not there, that cannot be read,
    or that has no such section.
    """
    named = environment.variables.get("CLOUDSTACK_CONFIG", "")
    ini = os.path.expanduser(named) or f"{environment.home}/.cloudstack.ini"
    if os.path.exists(ini):
        return _of_cs(ini, environment.variables)
    if named:
        raise ConfigurationError(f"CLOUDSTACK_CONFIG = {named}: there is no such file.")
    old = f"{environment.home}/.cloudmonkey/config"
    return _of_cloudmonkey(old) if os.path.exists(old) else None


def _of_cs(path: str, variables: Mapping[str, str]) -> Profile:
    region = variables.get("CLOUDSTACK_REGION", "")
    keys = Config.read(path).profiles.get(region or "cloudstack")
    if keys is None:
        by = f"CLOUDSTACK_REGION = {region}" if region else "the default of cs"
        raise ConfigurationError(f"{path} has no section [{region or 'cloudstack'}] ({by}).")
    settings = {_OF_CS[name]: value for name, value in keys.items() if name in _OF_CS}
    verify = keys.get("verify", "true")
    if verify.lower() in ("false", "0", "no", "off") or _is_true(keys, "dangerous_no_tls_verify"):
        settings["verifycert"] = "false"
    elif "/" in verify:
        settings["cacert"] = verify
    if keys.get("method", "post").lower() == "get":
        settings["postrequest"] = "false"
    return _profile(settings, path)


def _is_true(keys: Mapping[str, str], name: str) -> bool:
    return keys.get(name, "").lower() in ("true", "1", "yes", "on")


def _of_cloudmonkey(path: str) -> Profile:
    config = Config.read(path)
    name = config.core.get("profile", "local")
    keys = {**config.profiles.get("ui", {}), **config.core, **config.profiles.get(name, {})}
    # Until 5.3 the server and the user had sections of their own, and a URL was four settings.
    for section in ("server", "user"):
        keys = {**config.profiles.get(section, {}), **keys}
    if not keys.get("url") and keys.get("host"):
        port = f":{keys['port']}" if keys.get("port") else ""
        path = keys.get("path", "/client/api").lstrip("/")
        keys["url"] = f"{keys.get('protocol', 'http')}://{keys['host']}{port}/{path}"
    told = {_OF_CLOUDMONKEY.get(key, key): value for key, value in keys.items()}
    wanted = (*_KEPT, *_OF_CLOUDMONKEY.values())
    return _profile({key: told[key] for key in wanted if told.get(key)}, path)


def _profile(settings: dict[str, str], path: str) -> Profile:
    if not settings.get("url"):
        raise ConfigurationError(f"{path} names no server.")
    return Profile("", settings.pop("url"), settings, path)
