"""What is a secret, by its name and inside texts."""

from __future__ import annotations

import pytest

from cmk.masks import in_text, is_secret, lets_in, mask


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("secretKey", True),
        ("details[0].HTTP_HEADER:Authorization", True),
        ("sessionkey", True),
        ("codefor2fa", True),
        ("privatekey", True),
        ("consoleproxy.session.hmac.key", True),
        ("otp", True),
        ("staticpin", True),
        ("hotplug", False),
        ("passwordenabled", False),
        ("spinner", False),
        ("key", True),
        ("userdata", True),
        ("userdatadetails[0].token", True),
        ("ca.plugin.root.private.key", True),
        ("security.encryption.key", True),
        ("security.encryption.iv", True),
        ("security.singlesignon.key", True),
        ("update_passwd_on_host", True),
        ("username", False),
        ("keyword", False),
        ("keypair", False),
        ("publickey", False),
        ("sortkey", False),
        ("userdataid", False),
        ("bypassvlanoverlapcheck", False),
        ("sshkeyenabled", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, secret: bool) -> None:
    assert is_secret(name) == secret


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@h/x", "http://***@h/x"),
        ("http://u:p@ss@h/x", "http://***@h/x"),
        ("http://u:p/ss@h/x", "http://***@h/x"),
        ("http://u:p?ss#1@h/x", "http://***@h/x"),
        ("http://token@h/x", "http://***@h/x"),
        ("qemu+ssh://me@h/session", "qemu+ssh://me@h/session"),
        ("qemu+ssh://me:p@h/session", "qemu+ssh://***@h/session"),
        ("http://h:8080/a@b", "http://h:8080/a@b"),
        ("http://h/a@b:c", "http://h/a@b:c"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("https://a.blob.core.windows.net/c/x?sv=1&sig=s%2B3", "https://a.blob.core.windows.net/c/x?sv=1&sig=***"),
        ("https://h/x?X-Amz-Signature=a&X-Amz-Date=1", "https://h/x?X-Amz-Signature=***&X-Amz-Date=1"),
        ("https://h/x?hdnts=exp=1~hmac=ab", "https://h/x?hdnts=***"),
        ("https://h/x?auth=ab;code=cd", "https://h/x?auth=***"),
        ("no https://h/x?token=ab: timed out", "no https://h/x?token=*** timed out"),
        ("https://h/x?temp_url_sig=ab&temp_url_expires=9", "https://h/x?temp_url_sig=***&temp_url_expires=9"),
        ("https://h/x?a=1;token=ab", "https://h/x?a=1;token=***"),
        ("https://h/x?a=1#access_token=ab", "https://h/x?a=1#access_token=***"),
        ("https://h/x?token=ab#cd=e", "https://h/x?token=***"),
        ("https://h/x?signature_v2=ab", "https://h/x?signature_v2=***"),
        ("https://h/x?md5=ab&expires=9", "https://h/x?md5=***&expires=9"),
        ("https://h/x?%74oken=ab", "https://h/x?%74oken=***"),
        ("https://h/x#access_token=ab", "https://h/x#access_token=***"),
        ("https://h/x?sessionid=ab&ticket=cd", "https://h/x?sessionid=***&ticket=***"),
        ("https://h/x?page=2&design=3", "https://h/x?page=2&design=3"),
        ("?token=ab", "?token=ab"),
    ],
)  # fmt: skip
def test_urls_show_nothing_that_lets_in(text: str, shown: str) -> None:
    assert in_text(text) == shown


@pytest.mark.parametrize(
    "url",
    [
        "https://u:p@h/client/api",
        "https://u@h",
        "http://u:p/q@h/",
        "https://h/client/api?apikey=s",
        "https://h/client/api?x=1&token=s",
    ],
)
def test_what_lets_in_is_seen_in_a_url(url: str) -> None:
    assert lets_in(url)


@pytest.mark.parametrize("url", ["https://h/client/api", "http://h:8080/", "lab:", "http://[::1]/"])
def test_a_url_without_a_user_is_one(url: str) -> None:
    assert not lets_in(url)


def test_what_is_named_a_secret_hides_the_value_beside_it() -> None:
    params = {"details[0].key": "password", "details[0].value": "s3cret"}
    assert mask(params)["details[0].value"] == "***"
    setting = {"name": "ca.plugin.root.private.key", "value": "s3cret"}
    assert mask(setting) == {"name": "ca.plugin.root.private.key", "value": "***"}


def test_a_key_lets_into_swift_and_names_a_tag_where_tags_are_listed() -> None:
    assert mask({"key": "s3cret"}, "add") == {"key": "***"}
    assert mask({"key": "env"}, "list") == {"key": "env"}


def test_what_is_empty_hides_nothing() -> None:
    assert mask({"password": "", "apikey": None}) == {"password": "", "apikey": None}
