"""Global settings."""

from __future__ import annotations

from cmk.catalog import similar
from cmk.document import Json
from cmk.errors import NoSuch
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.events import record
from cmk.lab.model.machine import Machine
from cmk.lab.noun import Args, page_of
from cmk.lab.remote import check_setting
from cmk.lab.settings import GUESTS, SETTINGS, checked, setting
from cmk.wire.faults import INVALID_PARAMETER, invalid

CONFIGURATION = "name value defaultvalue description category isdynamic"


@api(CONFIGURATION)
def list_configurations(call: Call, args: Args) -> Json:
    """Lists the lab's settings.

    name: settings whose name contains this
    category: settings of this category; the lab has Advanced only
    """
    wanted = (args.get("name") or "").lower(), (args.get("keyword") or "").lower()
    if args.get("category", "Advanced").lower() != "advanced":
        return {}
    names = [name for name in sorted(SETTINGS) if all(part in name for part in wanted)]
    rows = [_configuration(call, name) for name in page_of(names, args)]
    return {"count": len(names), "configuration": rows} if rows else {}


@api(CONFIGURATION)
def update_configuration(call: Call, args: Args) -> Json:
    """Changes a setting of the lab; without a value it gets its default again.

    name*: the setting
    value: its new value
    """
    name, value = args["name"].lower(), args.get("value")
    if name not in SETTINGS:
        near = similar(name, SETTINGS)
        hint = f" Did you mean {near}?" if near else ""
        raise NoSuch(431, f"There is no setting {name}.{hint}", INVALID_PARAMETER)
    check_setting(call, name)
    if name == GUESTS and Machine.there(call.store):
        raise invalid(f"{name} stays as it is while there are VMs.")
    call.store.set_configuration(name, None if value is None else checked(name, value))
    record(call, "CONFIGURATION.VALUE.EDIT", f"{name} is {setting(call.store, name)}")
    return {"configuration": _configuration(call, name)}


def _configuration(call: Call, name: str) -> Json:
    return {
        "name": name,
        "value": setting(call.store, name),
        "defaultvalue": SETTINGS[name].default,
        "description": SETTINGS[name].description,
        "category": "Advanced",
        "isdynamic": True,
    }
