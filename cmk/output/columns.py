"""Which columns of a noun matter to a person at a terminal, and how many of them fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cmk.output import Reply, text_of, value_at

#: By noun, the first is the most wanted: what CloudStack's web UI lists, then the id. `a/b` is b
#: where no row has a.
RANKING = {
    "account": "name state rolename domain vmtotal created id",
    "affinitygroup": "name type description account domain id",
    "alert": "description sent name type id",
    "annotation": "annotation entitytype username created id",
    "api": "name description isasync",
    "asyncjobs": "jobid jobstatus cmd created account jobinstancetype jobprocstatus",
    "capacity": "name type percentused capacityused capacitytotal zonename",
    "cluster": "name allocationstate hypervisortype podname zonename managedstate id",
    "configuration": "name value description",
    "directdownloadcertificate": "alias hypervisor zonename subject validity id",
    "diskoffering": "name displaytext disksize tags storagetype domain id",
    "domain": "name path state level id",
    "event": "description created level type state username account id",
    "firewallrule": "ipaddress protocol startport endport cidrlist state id",
    "host": "name state resourcestate ipaddress hypervisor type clustername zonename version id",
    "hypervisor": "name",
    "imagestore": "name protocol url scope zonename readonly id",
    "iso": "name isready ostypename size account zonename status id",
    "keypair": "name fingerprint account domain",
    "loadbalancerrule": "name state publicip publicport privateport algorithm id",
    "network": "name state type cidr vpcname broadcasturi account zonename id",
    "networkacl": "number protocol startport endport cidrlist traffictype action state id",
    "networkoffering": "name state guestiptype traffictype networkrate id",
    "nic": "networkname ipaddress macaddress type isdefault id",
    "oscategory": "name id",
    "ostype": "description/name oscategoryname isuserdefined id",
    "physicalnetwork": "name state vlan broadcastdomainrange isolationmethods zonename id",
    "pod": "name allocationstate gateway netmask zonename id",
    "portforwardingrule": "ipaddress publicport privateport protocol virtualmachinename state id",
    "profile": "name url current",
    "project": "name state displaytext domain id",
    "publicipaddress": "ipaddress state associatednetworkname virtualmachinename issourcenat "
    "account zonename id",
    "role": "name type description id",
    "router": "name state publicip guestnetworkname redundantstate hostname account zonename id",
    "securitygroup": "name description account domain id",
    "serviceoffering": "name displaytext cpunumber cpuspeed memory hosttags domain id",
    "snapshot": "name state volumename intervaltype physicalsize created account zonename id",
    "sshkeypair": "name fingerprint account domain",
    "storagepool": "name state type scope disksizeused disksizetotal clustername zonename id",
    "systemvm": "name state agentstate systemvmtype publicip privateip hostname zonename id",
    "template": "name isready/status hypervisor format size ostypename account zonename created id",
    "templatespoolref": "templatename storagename state downloadstate size id",
    "user": "username state firstname lastname email account domain id",
    "virtualmachine": "name state ipaddress/nic hostname templatename serviceofferingname account "
    "zonename created id",
    "vmsnapshot": "displayname state type virtualmachinename created current id",
    "volume": "name state size type vmname storage account zonename id",
    "vpc": "name state cidr displaytext account zonename id",
    "zone": "name allocationstate networktype type dns1 id",
}

#: Where nothing is known of a noun.
_COMMON = "name displayname state status id"

#: So many columns are there even where their cells have to be broken.
_LEAST = 3

#: No column takes more of the room than so many characters, however long its cells are.
_MOST = 32


def chosen(reply: Reply, width: int, own: str = "") -> tuple[Reply, int]:
    """The reply with as many columns as fit side by side in `width`, and how many were left out.

    `own` are the user's, separated by commas: those, whether they fit or not.
    """
    reply = reply.kept()
    rows = [row for row in reply.rows if isinstance(row, dict)]
    there = reply.names()
    if not rows or len(rows) != len(list(reply.rows)):
        return reply, 0
    wanted = [name.strip() for name in own.split(",") if name.strip()]
    names = wanted or _fitting(_ranked(reply.noun, rows, there), rows, width)
    if not names:
        return reply, 0
    left = len({*there} - {name.partition(".")[0].partition("[")[0] for name in names})
    return replace(reply, columns=tuple(names)), left


def _ranked(noun: str, rows: list[dict[str, Any]], there: list[str]) -> list[str]:
    """The columns that matter, the most wanted first."""
    filled = {name for name in there if any(_is_told(row.get(name)) for row in rows)}
    said = RANKING.get(noun.lower(), "")
    found = []
    for ways in (said or _COMMON).split():
        found += [name for name in ways.split("/") if name in filled][:1]
    if said and found:
        return found
    others = [name for name in there if name in filled and name not in found]
    telling = [name for name in others if len({text_of(row.get(name)) for row in rows}) > 1]
    return [*found, *(telling or others)]


def _is_told(value: Any) -> bool:
    return value not in (None, "", [], {})


def _fitting(ranked: list[str], rows: list[dict[str, Any]], width: int) -> list[str]:
    """As many of them as fit with their cells whole; with cells in several rows where else there
    would be too few. The first at any price."""
    taken, room = set(ranked[:1]), width - 1
    wanted = {
        name: max(len(name) + 2, *(len(word_of(name, value_at(row, name))) for row in rows)) + 3
        for name in ranked
    }
    room -= min(wanted[ranked[0]], _MOST + 3) if ranked else 0
    for most in (None, _MOST + 3):
        for name in ranked:
            needed = wanted[name] if most is None else min(wanted[name], most)
            is_due = most is None or len(taken) < _LEAST
            if name not in taken and is_due and needed <= room:
                taken.add(name)
                room -= needed
    return [name for name in ranked if name in taken]


def word_of(name: str, value: Any) -> str:
    """A value as a person reads it in a cell: addresses of NICs, names of things, `2 nics`."""
    things = value if isinstance(value, list) else [value]
    if not any(isinstance(thing, dict) for thing in things):
        return text_of(value)
    words = ",".join(filter(None, map(_name_of, things)))
    if words.count(",") + 1 == len(things) and words and len(words) <= _MOST:
        return words
    inside = len(value)
    thing = name.rpartition(".")[2].rstrip("s") if isinstance(value, list) else "value"
    return f"{inside} {thing}{'s' if inside != 1 else ''}"


def _name_of(thing: Any) -> str:
    """An object's address or name; "" where it has none."""
    told = thing if isinstance(thing, dict) else {}
    found = told.get("ipaddress") or told.get("name")
    return found if isinstance(found, str) else ""
