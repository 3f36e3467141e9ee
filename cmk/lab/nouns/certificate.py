"""Certificates for direct download: upload, list, provision, revoke."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.errors import ApiError
from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.certificates import checked_alias, checked_pem, facts_of
from cmk.lab.events import record
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing
from cmk.lab.store import new_uuid

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

CERTIFICATE = fields(
    "id alias zoneid zonename version subject issuer validity serialnum hypervisor hostsmap"
)
HOST_STATUS = fields("hostid hostname status details", details="string")

_COLUMNS = "c.*, z.uuid AS zoneid, z.name AS zonename"
_SOURCE = "direct_download_certificate c JOIN data_center z ON z.id = c.zone_id"


@api(
    "uploadTemplateDirectDownloadCertificate",
    "Lets downloads of a zone's hosts trust a certificate",
    required("certificate", "string", "the certificate in PEM: certificate=@file"),
    required("name", "string", "its alias: letters, digits and dashes"),
    required("hypervisor", "string", "KVM"),
    required("zoneid", "uuid", "the zone"),
    optional("hostid", "uuid", "only this host; the zone must have the certificate already"),
    fields=CERTIFICATE,
)
def upload_certificate(lab: Lab, args: Args) -> Json:
    if args["hypervisor"].upper() != "KVM":
        raise invalid(f"Direct download is for hypervisor=KVM only, not for {args['hypervisor']}.")
    zone = lab.store.value("SELECT id FROM data_center WHERE uuid = ?", args["zoneid"])
    if zone is None:
        raise no_such("zone", "zoneid", args["zoneid"])
    alias, pem = checked_alias(args["name"]), checked_pem(args["certificate"])
    with lab.store.change():
        id = lab.store.value(
            "SELECT id FROM direct_download_certificate WHERE alias = ? AND zone_id = ?",
            alias,
            zone,
        )
        if args.get("hostid"):
            if id is None:
                raise ApiError(530, f"Unable to upload certificate {alias}: the zone has none.")
        elif id is not None:
            raise ApiError(530, f"A certificate {alias} is already created in the zone.")
        else:
            id = lab.store.insert(
                "direct_download_certificate",
                uuid=new_uuid(),
                alias=alias,
                certificate=pem,
                hypervisor_type="KVM",
                zone_id=zone,
            )
        for host in _hosts(lab, zone, args.get("hostid")):
            _map(lab, id, host, revoked=False)
    record(lab, "TEMPLATE.DIRECT.DOWNLOAD.CERTIFICATE.UPLOAD", f"Uploaded certificate {alias}")
    shown = _certificate(lab, _found(lab, "c.id", id), hosts=True)
    return {"directdownloadcertificate": shown}


@api(
    "listTemplateDirectDownloadCertificates",
    "Lists the certificates that downloads of a zone's hosts trust",
    optional("id", "uuid", "the certificate with this id"),
    optional("zoneid", "uuid", "certificates of this zone"),
    optional("listhosts", "boolean", "also which hosts have it"),
    *PAGING,
    fields=CERTIFICATE,
)
def list_certificates(lab: Lab, args: Args) -> Json:
    query = Query(_COLUMNS, _SOURCE)
    query.equal("c.uuid", args.get("id")).equal("z.uuid", args.get("zoneid"))
    query.contains("c.alias", args.get("keyword"))
    hosts = bool(args.get("listhosts"))
    return listing(
        lab.store,
        args,
        "directdownloadcertificate",
        query,
        "c.id",
        lambda row: _certificate(lab, row, hosts),
    )


@api(
    "provisionTemplateDirectDownloadCertificate",
    "Lets one host trust a certificate of its zone, also after it was revoked there",
    required("id", "uuid", "the certificate"),
    required("hostid", "uuid", "the host"),
    fields=HOST_STATUS,
)
def provision_certificate(lab: Lab, args: Args) -> Json:
    certificate = _found(lab, "c.uuid", args["id"])
    [host] = _hosts(lab, certificate["zone_id"], args["hostid"])
    _map(lab, certificate["id"], host, revoked=False)
    record(
        lab,
        "TEMPLATE.DIRECT.DOWNLOAD.CERTIFICATE.PROVISION",
        f"Provisioned certificate {certificate['alias']} to host {host['name']}",
    )
    return {"directdownloadcertificatehoststatus": _status(host, "UPLOADED")}


@api(
    "revokeTemplateDirectDownloadCertificate",
    "Takes a certificate from hosts; it stays known, and can be provisioned again",
    optional("id", "uuid", "the certificate, or"),
    optional("name", "string", "its alias, with"),
    optional("hypervisor", "string", "KVM"),
    required("zoneid", "uuid", "its zone"),
    optional("hostid", "uuid", "only from this host"),
    fields=HOST_STATUS,
)
def revoke_certificate(lab: Lab, args: Args) -> Json:
    if args.get("id"):
        certificate = _found(lab, "c.uuid", args["id"])
    elif args.get("name") and args.get("hypervisor"):
        certificate = _found(lab, "c.alias", args["name"])
    else:
        raise invalid("It takes id, or name and hypervisor.")
    if certificate["zoneid"] != args["zoneid"]:
        raise invalid(
            f"The certificate {certificate['alias']} is not of the zone {args['zoneid']}."
        )
    statuses = []
    with lab.store.change():
        for host in _hosts(lab, certificate["zone_id"], args.get("hostid")):
            _map(lab, certificate["id"], host, revoked=True)
            statuses.append(_status(host, "REVOKED"))
    record(
        lab,
        "TEMPLATE.DIRECT.DOWNLOAD.CERTIFICATE.REVOKE",
        f"Revoked certificate {certificate['alias']}",
    )
    return {"count": len(statuses), "directdownloadcertificatehoststatus": statuses}


def _found(lab: Lab, column: str, value: object) -> sqlite3.Row:
    row = lab.store.one(f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {column} = ?", value)
    if row is None:
        raise no_such("certificate", column.removeprefix("c."), str(value))
    return row


def _hosts(lab: Lab, zone: int, uuid: str | None) -> list[sqlite3.Row]:
    """The zone's hosts, or the one that was asked for; raises ApiError 431 where it is none."""
    hosts = lab.store.rows(
        "SELECT * FROM host WHERE data_center_id = ? AND removed IS NULL ORDER BY id", zone
    )
    if uuid is None:
        return hosts
    wanted = [host for host in hosts if host["uuid"] == uuid]
    if not wanted:
        raise no_such("host in the certificate's zone", "hostid", uuid)
    return wanted


def _map(lab: Lab, certificate: int, host: sqlite3.Row, revoked: bool) -> None:
    lab.store.execute(
        "INSERT INTO direct_download_certificate_host_map (certificate_id, host_id, revoked) "
        "VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET revoked = excluded.revoked",
        certificate,
        host["id"],
        revoked,
    )


def _status(host: sqlite3.Row, status: str) -> Json:
    return {"hostid": host["uuid"], "hostname": host["name"], "status": status}


def _certificate(lab: Lab, row: sqlite3.Row, hosts: bool) -> Json:
    shown = {
        "id": row["uuid"],
        "alias": row["alias"],
        "zoneid": row["zoneid"],
        "zonename": row["zonename"],
        **facts_of(row["certificate"]),
        "hypervisor": row["hypervisor_type"],
    }
    if hosts:
        mapped = lab.store.rows(
            "SELECT h.*, m.revoked FROM direct_download_certificate_host_map m "
            "JOIN host h ON h.id = m.host_id WHERE m.certificate_id = ? ORDER BY h.id",
            row["id"],
        )
        shown["hostsmap"] = [
            _status(host, "REVOKED" if host["revoked"] else "UPLOADED") for host in mapped
        ]
    return shown
