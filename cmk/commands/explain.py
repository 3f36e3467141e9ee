"""`cmk explain …`: why a VM is as it is, and where one would go, without touching anything."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from cmk.agent.source import shown
from cmk.errors import CmkError, UsageError
from cmk.images.metalink import Metalink
from cmk.lab.engine import Lab
from cmk.lab.hosts.placement import Demand, Place, demand, plan
from cmk.line import arguments, language
from cmk.session.session import Flags, Session

Json = dict[str, Any]


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`explain virtualmachine id=V`, `explain deploy virtualmachine …`."""
    lab = session.backend
    if not isinstance(lab, Lab):
        raise UsageError("explain is for labs; a management server keeps its reasons to itself.")
    names = [word.lower() for word in words if "=" not in word]
    if names == ["virtualmachine"]:
        _explain_machine(session, lab, words, flags)
    elif names == ["deploy", "virtualmachine"]:
        _explain_deployment(session, lab, words, flags)
    else:
        raise UsageError(
            "It is explain virtualmachine id=V, or explain deploy virtualmachine zoneid=Z …"
        )


def _explain_machine(session: Session, lab: Lab, words: list[str], flags: Flags) -> None:
    """What has happened to a VM: its events, and the whole story of its last failed job."""
    uuid = language.parse(["x", *(word for word in words if "=" in word)]).params.get("id", "")
    uuid = session.resolved(lab.catalog().find(("startVirtualMachine",)), "id", uuid)
    vm = lab.store.one("SELECT * FROM vm_instance WHERE uuid = ?", uuid.lower())
    if vm is None:
        raise CmkError(f"There is no VM with the id {uuid}.", "For example: id=name:web1")
    failed = lab.store.one(
        "SELECT * FROM async_job WHERE instance_type = 'VirtualMachine' AND instance_id = ? "
        "AND job_status = 2 ORDER BY id DESC",
        vm["id"],
    )
    events = lab.store.rows(
        "SELECT created, level, description FROM event WHERE resource_uuid = ? ORDER BY id",
        vm["uuid"],
    )
    told: Json = {"name": vm["name"], "state": vm["state"]}
    if failed is not None:
        told["failed"] = failed["job_cmd"]
        told["story"] = json.loads(failed["job_result"] or "{}").get("errortext", "").split("\n")
    told["events"] = [f"{e['created']} {e['level']} {e['description']}" for e in events]
    session.show({"explanation": told}, flags)


def _explain_deployment(session: Session, lab: Lab, words: list[str], flags: Flags) -> None:
    """Which host and pool a deployment would take, which not and why, what would be downloaded."""
    api = lab.catalog().find(("deploy", "virtualmachine"))
    params = language.parse([word for word in words if "=" in word or word == words[0]]).params
    given = {key: session.resolved(api, key, value) for key, value in params.items()}
    sent = arguments.wire(api, given)
    zone = _row(lab, "data_center", "zone", sent["zoneid"])
    template = _row(lab, "vm_template", "template", sent["templateid"])
    offering = _row(lab, "service_offering", "service offering", sent["serviceofferingid"])
    wanted = demand(offering, template, zone["id"], None)
    found = plan(lab, wanted, sent)
    told = {
        "template": template["name"],
        "hosts": [
            _place(lab, template, wanted, place, number)
            for number, place in enumerate(found.places, 1)
        ],
        "notsuitable": [{"host": name, "reason": reason} for name, reason in found.refused],
    }
    session.show({"explanation": told}, flags)


def _row(lab: Lab, table: str, kind: str, uuid: str) -> sqlite3.Row:
    row = lab.store.one(f"SELECT * FROM {table} WHERE uuid = ?", uuid.lower())
    if row is None:
        raise CmkError(f"There is no {kind} with the id {uuid}.")
    return row


def _place(lab: Lab, template: sqlite3.Row, wanted: Demand, place: Place, number: int) -> Json:
    told: Json = {"order": number, "host": place.host["name"], "pool": place.pool["name"]}
    if template["format"] == "ISO" or not place.has_copy:
        told["download"] = _sources(template) if not place.has_copy else []
        told["bytes"] = template["url_size"]
    told["templatethere"] = place.has_copy
    twin = lab.store.value(
        "SELECT t.name FROM template_spool_ref c JOIN vm_template t ON t.id = c.template_id "
        "WHERE c.pool_id = ? AND c.template_id <> ? AND c.download_state = 'DOWNLOADED' "
        "AND c.checksum = ?",
        place.pool["id"],
        wanted.template,
        template["checksum"],
    )
    if twin and not place.has_copy:
        told["sameas"] = twin
    return told


def _sources(template: sqlite3.Row) -> list[str]:
    """Where it would come from, without what may be secret in the URLs."""
    if not template["direct_download"]:
        return ["the zone's image store"]
    if template["metalink"]:
        metalink = Metalink.from_json(json.loads(template["metalink"]))
        return [shown(mirror.url) for mirror in sorted(metalink.mirrors, key=lambda m: m.priority)]
    return [shown(template["url"])]
