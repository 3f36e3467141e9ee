"""`cmk profile …`, `cmk set`, `cmk get`, `cmk show`: the config file, without an editor."""

from __future__ import annotations

import re
from pathlib import Path

from cmk.config.credentials import SECRETS, Keyring, may_have_keyring
from cmk.config.file import Config
from cmk.config.settings import ALIASES, ALL, COLUMNS, OF_CORE, OF_PROFILE, OF_SHELL, VALUES
from cmk.errors import CmkError, ConfigurationError, NoCredentials, NoServer, UsageError
from cmk.files import read
from cmk.masks import HIDDEN, in_text, is_secret, lets_in, mask
from cmk.session.flags import Flags
from cmk.session.session import Session

_USAGE = (
    "There are: profile list, show [NAME], add NAME url=URL …, use NAME, rename OLD NEW, "
    "remove NAME, secure NAME"
)


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`profile …`."""
    verb, *rest = words or ["list"]
    action = {
        "list": list_,
        "show": show_profile,
        "add": add,
        "use": use,
        "rename": rename,
        "remove": remove,
        "secure": secure,
    }.get(verb.lower())
    if action is None:
        raise UsageError(f"profile cannot do '{verb}'.", _USAGE)
    action(session, rest, flags)


def _config(session: Session) -> Config:
    return Config.read(session.environment.config_file)


def _one(words: list[str], usage: str) -> str:
    if len(words) != 1:
        raise UsageError(f"It is {usage}.")
    return words[0]


def _known(config: Config, name: str) -> dict[str, str]:
    if name == "lab" and name not in config.profiles:
        raise ConfigurationError("The profile 'lab' is built in: the lab on this machine (lab:).")
    if name not in config.profiles:
        known = ", ".join(config.names)
        raise ConfigurationError(
            f"There is no profile '{name}' in {config.path}.", f"Known: {known}"
        )
    return config.profiles[name]


def _check_new(config: Config, name: str) -> None:
    if name in config.profiles or name in ("lab", "core"):
        raise UsageError(f"The name '{name}' is taken.")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"'{name}' is no name for a profile: letters, digits, - and _.")


def list_(session: Session, words: list[str], flags: Flags) -> None:
    """All profiles, the current one marked."""
    if words:
        raise UsageError("profile list takes no words.")
    config = _config(session)
    current = config.core.get("profile", "")
    profiles = {"lab": {"url": "lab:"}, **config.profiles}
    rows = [
        {"name": name, "url": in_text(keys.get("url", "")), "current": name == current}
        for name, keys in profiles.items()
    ]
    session.show({"count": len(rows), "profile": rows}, flags)


def show_profile(session: Session, words: list[str], flags: Flags) -> None:
    """One profile's keys, secrets masked."""
    if not words:
        return show(session, words, flags)
    name, config = _one(words, "profile show NAME"), _config(session)
    builtin = name == "lab" and name not in config.profiles
    keys = {"url": "lab:"} if builtin else _known(config, name)
    session.show({"profile": {"name": name, **mask(keys)}}, flags)
    return None


def add(session: Session, words: list[str], flags: Flags) -> None:
    """A new profile; secrets that were not given are asked for, unseen."""
    if not words or "=" in words[0]:
        raise UsageError("It is profile add NAME url=URL [username=… domain=…].")
    name, config = words[0], _config(session)
    _check_new(config, name)
    keys: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"'{word}' is not key=value.")
        keys[key.lower()] = _checked(key.lower(), value, tuple(OF_PROFILE))
    if not keys.get("url", "").lower().startswith(("lab:", "http://", "https://")):
        raise UsageError(
            "profile add needs url=, of a management server or a lab.",
            "For example: url=https://HOST/client/api",
        )
    if not keys["url"].startswith("lab:"):
        _ask_for_secrets(session, keys)
    _write(session, config, name, keys, flags.keyring)
    session.environment.say(
        f"Added the profile {name}. Use it with -p {name}, or: profile use {name}"
    )
    if not keys["url"].startswith("lab:"):
        _learn(session, name)


#: Seconds for the catalog of a server that was added.
_PATIENCE = 10.0


def _learn(session: Session, name: str) -> None:
    """Fetch a new profile's catalog, so that help and Tab have the server's own words; that it
    cannot be had is no failure."""
    there = Session(session.environment, Flags(profile=name), session.connect)
    try:
        there.backend.learn(_PATIENCE)
        session.environment.say(f"{len(there.catalog.names())} APIs of {there.profile.url}.")
    except (CmkError, OSError) as problem:
        first = str(problem).partition("\n")[0]
        session.environment.say(f"Its catalog cannot be fetched now; cmk sync will: {first}")
    finally:
        there.close()


def _ask_for_secrets(session: Session, keys: dict[str, str]) -> None:
    environment = session.environment
    wanted = ("password",) if keys.get("username") else ("apikey", "secretkey")
    missing = [key for key in wanted if not keys.get(key)]
    if not missing:
        return
    if not (environment.input_is_terminal and environment.error_is_terminal):
        raise NoCredentials(
            f"{' and '.join(missing)} can be asked for in a terminal only.",
            "In a script give them from files: apikey=@FILE secretkey=@FILE",
        )
    for key in missing:
        keys[key] = environment.ask_secret(f"{key}: ")


def _write(
    session: Session, config: Config, name: str, keys: dict[str, str], keyring: bool
) -> None:
    """Keep a profile: secrets in the keyring where that is wanted, all else in the file."""
    kept: dict[str, str | None] = {**keys}
    if keyring:
        _into_keyring(session, name, keys)
        kept |= {**dict.fromkeys(SECRETS), "keyring": "true"}
    config.write(name, kept)


def _into_keyring(session: Session, name: str, keys: dict[str, str]) -> None:
    ring = Keyring(session.environment)
    if not ring.is_usable:
        raise ConfigurationError(
            "There is no keyring that could be used on this machine.",
            "The config file is for your eyes only (0600), too.",
        )
    for key in SECRETS:
        if keys.get(key):
            ring.put(name, key, keys[key])
            if ring.get(name, key) != keys[key]:
                raise CmkError(f"The keyring does not give the {key} back; nothing was changed.")


def use(session: Session, words: list[str], flags: Flags) -> None:
    """Make a profile the current one."""
    name, config = _one(words, "profile use NAME"), _config(session)
    if name != "lab":
        _known(config, name)
    config.write("", {"profile": name})
    session.close()


def rename(session: Session, words: list[str], flags: Flags) -> None:
    """Give a profile another name, also in the keyring."""
    if len(words) != 2:
        raise UsageError("It is profile rename OLD NEW.")
    old, new = words
    config = _config(session)
    keys = _known(config, old)
    _check_new(config, new)
    ring = Keyring(session.environment)
    moved = may_have_keyring(keys)
    if moved:
        for key in SECRETS:
            value = ring.get(old, key)
            if value:
                ring.put(new, key, value)
    config.rename(old, new)
    if config.core.get("profile") == old:
        config.write("", {"profile": new})
    _forget(session, keys, old)
    session.close()


def remove(session: Session, words: list[str], flags: Flags) -> None:
    """Take a profile out, with its secrets."""
    name, config = _one(words, "profile remove NAME"), _config(session)
    keys = _known(config, name)
    _forget(session, keys, name)
    config.remove(name)
    if config.core.get("profile") == name:
        config.write("", {"profile": None})
    session.close()


def _forget(session: Session, keys: dict[str, str], name: str) -> None:
    """What is kept of a profile outside the file: secrets in the keyring, and sessions."""
    from cmk.cloud.login import forget_sessions

    if may_have_keyring(keys):
        ring = Keyring(session.environment)
        for key in SECRETS:
            ring.remove(name, key)
    forget_sessions(session.environment, name)


def secure(session: Session, words: list[str], flags: Flags) -> None:
    """Move a profile's secrets from the file to the keyring."""
    name, config = _one(words, "profile secure NAME"), _config(session)
    keys = _known(config, name)
    found = {key: keys[key] for key in SECRETS if keys.get(key)}
    if not found:
        raise ConfigurationError(f"The profile '{name}' has no secrets in {config.path}.")
    _write(session, config, name, found, keyring=True)
    session.environment.say(f"{', '.join(found)} of {name} are in the keyring now.")
    session.close()


def set_(session: Session, words: list[str], flags: Flags) -> None:
    """`set KEY VALUE`: of the current profile; `set profile NAME` chooses it."""
    if len(words) < 2:
        raise UsageError(
            "It is set KEY VALUE.", f"Keys (help set tells more): {', '.join(sorted(ALL))}"
        )
    key, value = words[0].lower(), " ".join(words[1:])
    key = ALIASES.get(key, key)
    if key == "profile":
        return _choose(session, value, flags)
    section = _current(session)
    if key in OF_PROFILE and key not in OF_CORE and not section:
        raise UsageError(
            f"{key} is set in a profile of the config file, and none is in use.",
            f"Make one: profile add NAME url=URL {key}=…",
        )
    value = _checked(key, value, tuple(ALL))
    core = key in OF_SHELL or key.startswith(COLUMNS) or not section
    config = _config(session)
    config.write("" if core else section, {key: value or None})
    place = "for all profiles" if core else f"for the profile {section}"
    shown = HIDDEN if is_secret(key) else in_text(value)
    session.environment.say(f"{key} = {shown} {place}, in {config.path}.")
    session.close()
    return None


def _choose(session: Session, name: str, flags: Flags) -> None:
    """A profile that is not there is made in a terminal, and an error in a script."""
    config, environment = _config(session), session.environment
    if name in config.profiles or name == "lab":
        return use(session, [name], flags)
    if not (environment.input_is_terminal and environment.error_is_terminal):
        _known(config, name)
    url = environment.ask(f"There is no profile {name} yet. Its url (empty: leave it): ").strip()
    if not url:
        raise ConfigurationError(f"There is no profile '{name}'; nothing was changed.")
    add(session, [name, f"url={url}"], flags)
    return use(session, [name], flags)


def _checked(key: str, value: str, known: tuple[str, ...]) -> str:
    from cmk.catalog import similar

    if key.startswith(COLUMNS):
        return _columns(key, value)
    if key not in known:
        near = similar(key, known)
        raise UsageError(
            f"There is no setting '{key}'.",
            f"Did you mean {near}?" if near else f"There are: {', '.join(sorted(set(known)))}",
        )
    if value.startswith("@") and is_secret(key):
        try:
            value = read(Path(value[1:]).expanduser()).decode("utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise UsageError(f"Cannot read the file of {key}: {problem}") from None
    if key == "url" and lets_in(value):
        raise UsageError(
            "The url holds a user or a password or a key, which would be shown wherever it is.",
            "Give them beside it: username=NAME, and the password when it is asked for.",
        )
    allowed = VALUES.get(key)
    if allowed and value.lower() not in allowed:
        raise UsageError(f"{key} is one of {', '.join(allowed)}, not '{value}'.")
    if key == "timeout" and not (value.isascii() and value.isdigit()):
        raise UsageError(f"timeout is a number of seconds, not '{value}'.")
    return value.lower() if allowed else value


def _columns(key: str, value: str) -> str:
    """`set columns.virtualmachine name,state`: what a table has of them in a terminal."""
    names = [name.strip() for name in value.split(",")]
    if value and not all(re.fullmatch(r"\w+(\[\d+\])?(\.\w+)*", name) for name in names):
        raise UsageError(
            f"{key} is names of columns with commas between, not '{value}'.",
            "For example: set columns.virtualmachine name,state,nic.ipaddress",
        )
    return ",".join(names)


def _current(session: Session) -> str:
    """The section of the profile in force; "" where it is none of the file's."""
    try:
        name = session.profile.name
    except NoServer:
        return ""
    return name if name in _config(session).profiles else ""


def get(session: Session, words: list[str], flags: Flags) -> None:
    """`get KEY`: one setting in force, secrets masked."""
    key = _one(words, "get KEY").lower()
    key = ALIASES.get(key, key)
    found = _in_force(session)
    if key not in found and key not in ALL and not key.startswith(COLUMNS):
        raise UsageError(f"There is no setting '{key}'.")
    session.show({key: found.get(key)}, flags)


def show(session: Session, words: list[str], flags: Flags) -> None:
    """`show`: all settings in force."""
    if words:
        raise UsageError("show takes no words; profile show NAME shows a profile.")
    session.show(_in_force(session), flags)


def _in_force(session: Session) -> dict[str, str]:
    try:
        profile = session.profile
    except NoServer:
        return mask(_config(session).core)
    told = {"profile": profile.name, "url": profile.url, "chosenby": profile.chosen_by}
    return {**mask(profile.settings), **told}
