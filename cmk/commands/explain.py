"""`cmk explain …`: why a VM is as it is, and where one would go, without touching anything."""

from __future__ import annotations

from cmk.agent.source import shown
from cmk.document import Json
from cmk.errors import UsageError
from cmk.lab.arguments import typed
from cmk.lab.call import Call
from cmk.lab.engine import LabBackend
from cmk.lab.hosts.placement import Place, demand, only_here, plan
from cmk.lab.hosts.pools import measure_own
from cmk.lab.model.affinity import Affinity
from cmk.lab.model.copy import Copy
from cmk.lab.model.event import Event
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import Network
from cmk.lab.model.offering import ServiceOffering
from cmk.lab.model.place import Zone
from cmk.lab.model.template import Template
from cmk.lab.nouns.affinity_group import groups_of
from cmk.lab.nouns.deployment import root_disk
from cmk.lab.nouns.virtual_machine import ties_of
from cmk.line import arguments, language
from cmk.session.flags import Flags
from cmk.session.session import Session

_VM = {"vm": "virtualmachine"}


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`explain virtualmachine id=V`, `explain deploy virtualmachine …`."""
    backend = session.backend
    if not isinstance(backend, LabBackend):
        raise UsageError("explain is for labs; a management server keeps its reasons to itself.")
    names = [_VM.get(word.lower(), word.lower()) for word in words if "=" not in word]
    given = [word for word in words if "=" in word]
    if names == ["virtualmachine"]:
        told = _machine(session, backend.as_admin(), given)
    elif names == ["deploy", "virtualmachine"]:
        told = _deployment(session, backend.as_admin(), given)
    else:
        raise UsageError(
            "It is explain virtualmachine id=V, or explain deploy virtualmachine zoneid=Z …"
        )
    session.show({"explanation": told}, flags)


def _machine(session: Session, call: Call, words: list[str]) -> Json:
    """What has happened to a VM: its events, and the whole story of its last failed job."""
    uuid = language.parse(["x", *words]).params.get("id", "")
    uuid = session.resolved(session.catalog.find(("startVirtualMachine",)), "id", uuid)
    vm = call.find(Machine, uuid)
    told: Json = {"name": vm.name, "state": vm.state}
    failed = AsyncJob.last_failed(call.store, vm)
    if failed is not None:
        told["failed"] = failed.job_cmd
        told["story"] = failed.told_story
    told["events"] = [
        f"{event.created} {event.level} {event.description}"
        for event in Event.there(call.store, resource_uuid=vm.uuid)
    ]
    return told


def _deployment(session: Session, call: Call, words: list[str]) -> Json:
    """Which host and pool a deployment would take, which not and why, what would be downloaded."""
    api = session.catalog.find(("deploy", "virtualmachine"))
    params = language.parse(["x", *words]).params
    given = {key: session.resolved(api, key, value) for key, value in params.items()}
    args = typed(api, arguments.wire(api, given))
    zone = call.find(Zone, args["zoneid"], "zoneid")
    template = call.find(Template, args["templateid"], "templateid")
    offering = call.find(ServiceOffering, args["serviceofferingid"], "serviceofferingid")
    size, disk_offering = root_disk(call, args, template)
    measure_own(call.store)
    wanted = demand(offering, template, zone.id, size, disk_offering)._replace(
        affinity=Affinity.of(call.store, groups_of(call, args, call.caller)),
        network=only_here(
            [call.use(Network, n, "networkids") for n in args.get("networkids") or []]
        ),
    )
    found = plan(call.store, wanted, ties_of(call, args))
    return {
        "template": template.name,
        "hosts": [
            _place(call, template, place, number) for number, place in enumerate(found.places, 1)
        ],
        "notsuitable": [{"host": name, "reason": reason} for name, reason in found.refused],
    }


def _place(call: Call, template: Template, place: Place, number: int) -> Json:
    told: Json = {"order": number, "host": place.host.name, "pool": place.pool.name}
    if template.is_iso or not place.has_copy:
        told["download"] = [] if place.has_copy else _sources(template)
        told["bytes"] = template.url_size
    told["templatethere"] = place.has_copy
    twins = Copy.twins(call.store, place.pool, template) if template.checksum else []
    if twins and not place.has_copy:
        told["sameas"] = Template.of(call.store, twins[0].template_id).name
    return told


def _sources(template: Template) -> list[str]:
    """Where it would come from, without what may be secret in the URLs."""
    if not template.direct_download:
        return ["the zone's image store"]
    metalink = template.read_metalink()
    if metalink:
        return [shown(mirror.url) for mirror in sorted(metalink.mirrors, key=lambda m: m.priority)]
    return [shown(template.url)]
