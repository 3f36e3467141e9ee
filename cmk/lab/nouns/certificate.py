"""Certificates for direct download: upload, list, provision, revoke."""

from __future__ import annotations

from cmk.document import Json
from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.certificates import checked_alias, checked_pem, facts_of
from cmk.lab.declaration import api
from cmk.lab.events import record
from cmk.lab.model.certificate import Certificate
from cmk.lab.model.host import Host
from cmk.lab.model.place import Zone
from cmk.lab.noun import Args, Noun, Row
from cmk.wire.faults import invalid, no_such


def _facts(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row |= facts_of(row["certificate"])


CERTIFICATE = Noun(
    "directdownloadcertificate",
    "listTemplateDirectDownloadCertificates",
    "certificate_view",
    "id alias zoneid zonename version subject issuer validity serialnum hypervisor hostsmap",
    _facts,
    keyword="alias",
)
HOST_STATUS = "hostid hostname status details"


@api(CERTIFICATE)
def upload_template_direct_download_certificate(call: Call, args: Args) -> Json:
    """Lets downloads of a zone's hosts trust a certificate.

    certificate*: the certificate in PEM: certificate=@file
    name*: its alias: letters, digits and dashes
    hypervisor*: KVM
    zoneid*: the zone
    hostid: only this host; the zone must have the certificate already
    """
    if args["hypervisor"].upper() != "KVM":
        raise invalid(f"Direct download is for hypervisor=KVM only, not for {args['hypervisor']}.")
    alias, pem = checked_alias(args["name"]), checked_pem(args["certificate"])
    with call.store.change():
        zone = call.find(Zone, args["zoneid"], "zoneid")
        found = Certificate.first(call.store, alias=alias, zone_id=zone.id)
        if args.get("hostid"):
            if found is None:
                raise ApiError(530, f"Unable to upload certificate {alias}: the zone has none.")
        elif found is not None:
            raise ApiError(530, f"A certificate {alias} is already created in the zone.")
        found = found or Certificate.add(
            call.store, alias=alias, certificate=pem, hypervisor_type="KVM", zone_id=zone.id
        )
        for host in _hosts(call, zone.id, args.get("hostid")):
            found.map(call.store, host, revoked=False)
    record(call, "TEMPLATE.DIRECT.DOWNLOAD.CERTIFICATE.UPLOAD", f"Uploaded certificate {alias}")
    shown = CERTIFICATE.one(call, found.uuid)
    return {"directdownloadcertificate": {**shown, "hostsmap": _hosts_map(call, found)}}


@api(CERTIFICATE)
def list_template_direct_download_certificates(call: Call, args: Args) -> Json:
    """Lists the certificates that downloads of a zone's hosts trust.

    id: the certificate with this id
    zoneid: certificates of this zone
    listhosts: also which hosts have it
    """
    with_hosts = args.pop("listhosts", False)
    reply = CERTIFICATE.listed(call, args)
    for row in reply.get(CERTIFICATE.name, []) if with_hosts else []:
        row["hostsmap"] = _hosts_map(call, call.find(Certificate, row["id"]))
    return reply


@api(HOST_STATUS)
def provision_template_direct_download_certificate(call: Call, args: Args) -> Json:
    """Lets one host trust a certificate of its zone, also after it was revoked there.

    id*: the certificate
    hostid*: the host
    """
    certificate = call.find(Certificate, args["id"])
    [host] = _hosts(call, certificate.zone_id, args["hostid"])
    certificate.map(call.store, host, revoked=False)
    record(
        call,
        "TEMPLATE.DIRECT.DOWNLOAD.CERTIFICATE.PROVISION",
        f"Provisioned certificate {certificate.alias} to host {host.name}",
    )
    return {"directdownloadcertificatehoststatus": _status(host, is_revoked=False)}


@api(HOST_STATUS)
def revoke_template_direct_download_certificate(call: Call, args: Args) -> Json:
    """Takes a certificate from hosts; it stays known, and can be provisioned again.

    id: the certificate, or
    name: its alias, with
    hypervisor: KVM
    zoneid*: its zone
    hostid: only from this host
    """
    zone = call.find(Zone, args["zoneid"], "zoneid")
    if args.get("id"):
        certificate = call.find(Certificate, args["id"])
        if certificate.zone_id != zone.id:
            raise invalid(
                f"The certificate {certificate.alias} is not of the zone {args['zoneid']}."
            )
    elif args.get("name") and args.get("hypervisor"):
        named = Certificate.first(call.store, alias=args["name"], zone_id=zone.id)
        if named is None:
            raise no_such("certificate in this zone", "name", args["name"])
        certificate = named
    else:
        raise invalid("It takes id, or name and hypervisor.")
    statuses = []
    with call.store.change():
        for host in _hosts(call, zone.id, args.get("hostid")):
            certificate.map(call.store, host, revoked=True)
            statuses.append(_status(host, is_revoked=True))
    record(
        call,
        "TEMPLATE.DIRECT.DOWNLOAD.CERTIFICATE.REVOKE",
        f"Revoked certificate {certificate.alias}",
    )
    return {"count": len(statuses), "directdownloadcertificatehoststatus": statuses}


def _hosts(call: Call, zone: int, uuid: str | None) -> list[Host]:
    """The zone's hosts, or the one that was asked for; raises ApiError 431 where it is none."""
    hosts = Host.there(call.store, data_center_id=zone)
    wanted = [host for host in hosts if uuid in (None, host.uuid)]
    if uuid and not wanted:
        raise no_such("host in the certificate's zone", "hostid", uuid)
    return wanted


def _status(host: Host, is_revoked: bool) -> Json:
    status = "REVOKED" if is_revoked else "UPLOADED"
    return {"hostid": host.uuid, "hostname": host.name, "status": status}


def _hosts_map(call: Call, certificate: Certificate) -> list[Json]:
    return [_status(host, is_revoked) for host, is_revoked in certificate.hosts(call.store)]
