"""Certificates that a zone's hosts trust when they download, besides the system's CAs.

They travel with each download to the host's agent; the map of hosts says for whom one was revoked.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

from cmk.errors import ApiError
from cmk.wire.faults import of_extra

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
LONGEST = 65535

#: A DNS label (RFC 1123), which CloudStack wants an alias to be.
_ALIAS = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\Z")


def checked_alias(text: str) -> str:
    """An alias that CloudStack takes. Raises ApiError 530."""
    if not _ALIAS.match(text) or text == "cloud" or text.startswith("cloudca"):
        raise ApiError(
            530,
            f"'{text}' is no alias of a certificate: 1 to 63 letters, digits and dashes, no dash "
            "at its ends, not cloud and not cloudca….",
        )
    return text


def checked_pem(text: str) -> str:
    """A certificate in PEM, its BEGIN and END lines added where they are missing, and what stands
    around them left out.

    Raises ApiError 530 unless it is one X.509 certificate that is valid now.
    """
    from datetime import datetime, timezone

    if len(text) > LONGEST:
        raise ApiError(530, f"The certificate is longer than {LONGEST} characters.")
    if text.count(BEGIN) > 1:
        raise ApiError(530, "There are several certificates; upload each under its own name.")
    # What openssl -text writes before it is for people.
    body = re.sub(r"\s+", "", text.rpartition(BEGIN)[2].partition(END)[0])
    pem = "\n".join([BEGIN, *textwrap.wrap(body, 64), END, ""])
    certificate = parsed(pem)
    now = datetime.now(timezone.utc)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ApiError(530, f"The certificate is not valid now: {validity_of(certificate)}.")
    return pem


def parsed(pem: str) -> Certificate:
    """The X.509 certificate in a PEM text. Raises ApiError 530."""
    with of_extra("Certificates", "cryptography"):
        from cryptography.x509 import load_pem_x509_certificate
    try:
        return load_pem_x509_certificate(pem.encode())
    except ValueError as problem:
        raise ApiError(530, f"It is no X.509 certificate in PEM: {problem}") from None


def facts_of(pem: str) -> dict[str, Any]:
    """What a listing shows of a certificate."""
    certificate = parsed(pem)
    return {
        "version": str(certificate.version.value + 1),
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "validity": validity_of(certificate),
        "serialnum": str(certificate.serial_number),
    }


def validity_of(certificate: Certificate) -> str:
    """`From: [2026-01-01 …] - To: [2027-01-01 …]`, as CloudStack writes it."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return f"From: [{begin}] - To: [{end}]"
