"""The choice of the server that a line goes to.

The server and its credentials come as one set from the first place that names a server: flags,
`-p`, CMK_PROFILE, CMK_URL, CLOUDSTACK_ENDPOINT, the file's current profile, other programs' files.
Nothing is borrowed from a later place: a wrong answer here would destroy the wrong VM.
"""

from __future__ import annotations

from cmk.config.file import Config, Profile, without_user
from cmk.environment import Environment
from cmk.errors import ConfigurationError, NoServer
from cmk.masks import in_text

#: The variables that name a server, each with those of its key pair.
_IN_ENVIRONMENT = (
    ("CMK_URL", "CMK_API_KEY", "CMK_SECRET_KEY"),
    ("CLOUDSTACK_ENDPOINT", "CLOUDSTACK_KEY", "CLOUDSTACK_SECRET"),
)

_WAYS = (
    "Say where the line goes: CMK_URL=lab: or CMK_URL=https://HOST/client/api in the environment, "
    "CLOUDSTACK_ENDPOINT as for cs and Ansible, or -p lab for the lab on this machine."
)


def choose(environment: Environment, config: Config, url: str = "", profile: str = "") -> Profile:
    """The one server of this call. Raises ConfigurationError where no place names one."""
    variables, core = environment.variables, config.inherited
    if url:
        return without_user(Profile("", url, core, "-u"))
    if profile:
        return config.profile(profile, "-p")
    if variables.get("CMK_PROFILE"):
        return config.profile(variables["CMK_PROFILE"], "CMK_PROFILE")
    for name, key, secret in _IN_ENVIRONMENT:
        if variables.get(name):
            pair = {"apikey": variables.get(key), "secretkey": variables.get(secret)}
            keys = {k: v for k, v in pair.items() if v}
            return without_user(Profile("", variables[name], {**core, **keys}, name))
    current = config.core.get("profile", "")
    if current and (current in config.profiles or current == "lab"):
        return config.profile(current, f"profile = {current} in {config.path}")
    if current:
        raise ConfigurationError(
            f"{config.path} says profile = {current}, but has no section [{current}]."
        )
    from cmk.config import foreign

    there = foreign.found(environment)
    if there is not None:
        if environment.error_is_terminal:
            url = in_text(without_user(there).url)
            environment.say_once(f"The server is {url}, of {there.chosen_by}.")
        return without_user(there._replace(settings={**there.settings, **core}))
    if environment.input_is_terminal and environment.error_is_terminal:
        environment.say_once("No server is configured: using the lab on this machine (-p lab).")
        return config.profile("lab", "nothing configured")
    raise NoServer("No server is configured.", _WAYS)
