"""The forms of a checksum."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.images import ImageError
from cmk.images.checksum import LENGTHS, Checksum, listed, parse

SHA256 = hashlib.sha256(b"x").hexdigest()
MD5 = hashlib.md5(b"x").hexdigest()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MD5, ("md5", MD5)),
        (f"{{}}{MD5}", ("md5", MD5)),
        (f"{{MD5}}{MD5.upper()}", ("md5", MD5)),
        (f"{{SHA-256}}{SHA256}", ("sha-256", SHA256)),
        (f"{{sha256}}{SHA256.upper()}", ("sha-256", SHA256)),
        (f" {{Sha-256}}{SHA256} ", ("sha-256", SHA256)),
        ("{SHA-1}" + "0" * 40, ("sha-1", "0" * 40)),
        ("{sha512}" + "0" * 128, ("sha-512", "0" * 128)),
    ],
)
def test_every_form_of_cloudstack_is_read(text: str, found: tuple[str, str]) -> None:
    if text.startswith("{}"):
        with pytest.raises(ImageError):
            parse(text.replace("{}", "{ }"))
        return
    assert parse(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SHA256, "has 64 digits; MD5 has 32"),
        ("{CRC32}00000000", "CRC32 is not supported"),
        ("{SHA-256}" + "0" * 63, "has 63 digits; SHA-256 has 64"),
        ("{MD5}" + "X" * 32, "no hexadecimal digits"),
        ("", "has 0 digits"),
    ],
)
def test_a_bad_checksum_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ImageError) as caught:
        parse(text)
    assert said in caught.value.message


@given(st.sampled_from(sorted(LENGTHS)), st.binary(min_size=64, max_size=64))
def test_what_is_written_reads_back(algorithm: str, content: bytes) -> None:
    checksum = Checksum(algorithm, content.hex()[: LENGTHS[algorithm]])
    assert parse(str(checksum)) == checksum


@given(st.text(max_size=140))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except ImageError:
        return
    assert len(found.digest) == LENGTHS[found.algorithm]


GOOD, OTHER, LONG = "a" * 64, "b" * 64, "c" * 128


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{OTHER}  y\n{GOOD}  x.iso\n", ("sha-256", GOOD)),
        (f"{GOOD} *./images/x.iso\n", ("sha-256", GOOD)),
        (f"{GOOD}  /srv/images/x.iso\n", ("sha-256", GOOD)),
        (f"SHA256 (images/x.iso) = {GOOD}\n", ("sha-256", GOOD)),
        (f"SHA512 (x.iso) = {LONG}\nSHA256 (x.iso) = {GOOD}\n", ("sha-512", LONG)),
        (f"\ufeff{OTHER}  y\r\n{GOOD}  x.iso\r\n", ("sha-256", GOOD)),
        (f"\ufeff{GOOD}  x.iso\r\n", ("sha-256", GOOD)),
        (f"{GOOD.upper()}\r\n", ("sha-256", GOOD)),
        (f"{GOOD}  max.iso\n", None),
        (f"{'a' * 63}  x.iso\n", None),
        (f"{'a' * 65}  x.iso\n", None),
        ("", None),
    ],
)
def test_a_file_is_found_in_every_form_of_list(text: str, found: tuple[str, str] | None) -> None:
    assert listed(text, "x.iso") == found


@given(st.text(max_size=300), st.text(max_size=10))
def test_any_list_is_read(text: str, name: str) -> None:
    assert listed(text, name) is None or text


def test_a_named_algorithm_is_believed_before_the_number_of_digits() -> None:
    with pytest.raises(ImageError, match="has 64 digits; SHA-512 has 128"):
        parse(f"sha512:{GOOD}")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (GOOD, f"{{SHA-256}}{GOOD}"),
        (f"sha256:{GOOD}", f"{{SHA-256}}{GOOD}"),
        (f"SHA-512:{LONG}", f"{{SHA-512}}{LONG}"),
        (f"md5:{'d' * 32}", f"{{MD5}}{'d' * 32}"),
    ],
)
def test_the_right_form_of_a_checksum_is_told(text: str, form: str) -> None:
    with pytest.raises(ImageError) as caught:
        parse(text)
    assert f"write it as {form}." in str(caught.value)
