"""The signature, against vectors, the server's rule, and an independent client."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from cs import CloudStack
from hypothesis import given
from hypothesis import strategies as st

from cmk.wire.signature import java_encode, signature, signed, text_to_sign
from tests.management_server import expected_signature, java_url_encode

names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{0,10}(\[[0-9]\]\.[a-zA-Z]{1,5})?", fullmatch=True)
params = st.dictionaries(names, st.text(max_size=20), min_size=1, max_size=6)

SIMPLE = {"apikey": "abc", "command": "listZones", "response": "json"}


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("sha1", "tcMI1Kpm20pLhrrVYtCCcualuBU="),
        (
            "sha512",
            "/JUUf9SPvNd0sjdbfIxsCxYItNUlGauI+T71cOhHd5fYffHuVAXIba9RzFBK+empezGCzlhw4+R9LFri3CG+oQ==",
        ),
    ],
)
def test_the_known_vectors(algorithm: str, expected: str) -> None:
    assert text_to_sign(SIMPLE) == "apikey=abc&command=listzones&response=json"
    assert signature(SIMPLE, "secret", algorithm) == expected


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("~", "%7E"),
        ("*-._", "*-._"),
        ("ü/&=", "%C3%BC%2F%26%3D"),
        ("(')!", "%28%27%29%21"),
    ],
)
def test_values_are_encoded_as_java_does_it(value: str, encoded: str) -> None:
    assert java_encode(value) == encoded


@given(st.text(max_size=50))
def test_every_value_is_encoded_as_java_does_it(value: str) -> None:
    assert java_encode(value) == java_url_encode(value)


@given(params, st.text("abcXYZ019", min_size=1), st.sampled_from(["sha1", "sha512"]))
def test_every_signature_is_the_one_that_the_server_computes(
    given: dict[str, str], secret: str, algorithm: str
) -> None:
    whole = signed(given, "key", secret, algorithm)
    assert whole["signature"] == expected_signature(whole, secret, algorithm)


@given(st.dictionaries(names, st.text(max_size=20).filter(lambda v: "~" not in v), max_size=5))
def test_an_independent_client_signs_the_same_but_for_the_tilde(given: dict[str, str]) -> None:
    theirs = dict(given)
    CloudStack("http://h", key="key", secret="secret")._sign(theirs)  # type: ignore[no-untyped-call]
    assert signature(given, "secret") == theirs["signature"]


def test_it_expires_in_ten_minutes() -> None:
    whole = signed({"command": "listZones"}, "k", "s", "sha1")
    expires = datetime.strptime(whole["expires"], "%Y-%m-%dT%H:%M:%S%z")
    left = expires - datetime.now(timezone.utc)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    assert whole["signatureversion"] == "3"
