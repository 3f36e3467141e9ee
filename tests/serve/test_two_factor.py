"""A second factor: set up by its user, asked for at login, and not to be guessed."""

from __future__ import annotations

import json
from typing import Any

import pyotp
import pytest

from cmk.serve.replies import Reply
from tests.serve.test_answer import Asked, asked

__all__ = ["asked"]


def told(reply: Reply) -> Any:
    [inside] = json.loads(reply.body).values()
    return inside


def code_of(secret: str) -> str:
    return pyotp.TOTP(secret).now()


def wrong(secret: str) -> str:
    return f"{(int(code_of(secret)) + 1) % 1_000_000:06d}"


def login(asked: Asked) -> tuple[dict[str, Any], dict[str, str]]:
    params = {"command": "login", "username": "admin", "response": "json"}
    reply = asked.raw({**params, "password": asked.password}, "POST")
    inside: dict[str, Any] = told(reply)
    pairs = (v.partition(";")[0].split("=", 1) for n, v in reply.headers if n == "Set-Cookie")
    return inside, dict(pairs)


@pytest.fixture
def secret(asked: Asked) -> str:
    """Of an admin that has set one up."""
    made: str = asked.json("setupUserTwoFactorAuthentication", provider="totp")["setup2fa"][
        "secretcode"
    ]
    name = "validateUserTwoFactorAuthenticationCode"
    assert asked.json(name, codefor2fa=code_of(made))["success"]
    return made


def test_it_counts_from_the_first_right_code(asked: Asked) -> None:
    secret = asked.json("setupUserTwoFactorAuthentication")["setup2fa"]["secretcode"]
    assert login(asked)[0]["is2faenabled"] == "false"
    name = "validateUserTwoFactorAuthenticationCode"
    assert asked.signed(name, codefor2fa=wrong(secret)).status == 531
    assert asked.signed(name, codefor2fa="٣٣٣٣٣٣").status == 531
    asked.json(name, codefor2fa=code_of(secret))
    inside, _ = login(asked)
    assert (inside["is2faenabled"], inside["is2faverified"]) == ("true", "false")
    [user] = asked.json("listUsers")["user"]
    assert user["is2faenabled"] is True
    assert secret not in json.dumps(user)


def test_a_session_without_it_can_do_nothing_but_show_it(asked: Asked, secret: str) -> None:
    _, cookies = login(asked)
    zones = {"command": "listZones", "response": "json"}
    refused = asked.raw(zones, cookies=cookies)
    assert (refused.status, told(refused)["cserrorcode"]) == (511, 4295)
    shown = {"command": "validateUserTwoFactorAuthenticationCode", "response": "json"}
    assert asked.raw({**shown, "codefor2fa": wrong(secret)}, cookies=cookies).status == 531
    assert asked.raw(zones, cookies=cookies).status == 511
    assert asked.raw({**shown, "codefor2fa": code_of(secret)}, cookies=cookies).status == 200
    assert asked.raw(zones, cookies=cookies).status == 200
    assert asked.signed("listZones").status == 200  # keys are no session


def test_a_session_tries_five_codes(asked: Asked, secret: str) -> None:
    _, cookies = login(asked)
    shown = {"command": "validateUserTwoFactorAuthenticationCode", "response": "json"}
    for _ in range(5):
        assert asked.raw({**shown, "codefor2fa": wrong(secret)}, cookies=cookies).status == 531
    assert asked.raw({**shown, "codefor2fa": code_of(secret)}, cookies=cookies).status == 401


def test_a_password_alone_does_not_end_it(asked: Asked, secret: str) -> None:
    _, cookies = login(asked)
    ended = {"command": "setupUserTwoFactorAuthentication", "enable": "false", "response": "json"}
    assert asked.raw(ended, cookies=cookies).status == 511
    assert login(asked)[0]["is2faenabled"] == "true"


def test_sessions_of_before_show_it_too_and_end_with_the_password(asked: Asked) -> None:
    _, old = login(asked)
    zones = {"command": "listZones", "response": "json"}
    assert asked.raw(zones, cookies=old).status == 200
    made = asked.json("setupUserTwoFactorAuthentication")["setup2fa"]["secretcode"]
    name = "validateUserTwoFactorAuthenticationCode"
    asked.json(name, codefor2fa=code_of(made))
    assert asked.raw(zones, cookies=old).status == 511
    asked.json("updateUser", id=asked.user.uuid, password="another")
    assert asked.raw(zones, cookies=old).status == 401


def test_it_is_not_replaced_but_ended_first(asked: Asked, secret: str) -> None:
    assert asked.signed("setupUserTwoFactorAuthentication").status == 431
    asked.json("setupUserTwoFactorAuthentication", enable="false")
    assert login(asked)[0]["is2faenabled"] == "false"
    assert asked.json("listUserTwoFactorAuthenticatorProviders")["count"] == 1
