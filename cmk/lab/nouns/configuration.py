"""Global settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmk.catalog import similar
from cmk.lab.api import PAGING, Args, Json, api, invalid, optional, required
from cmk.lab.events import record
from cmk.lab.fields import fields
from cmk.lab.query import listed, present
from cmk.lab.settings import SETTINGS, checked, setting

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

CONFIGURATION = fields("name value defaultvalue description category isdynamic")


@api(
    "listConfigurations",
    "Lists the lab's settings",
    optional("name", "string", "settings whose name contains this"),
    optional("category", "string", "settings of this category; the lab has Advanced only"),
    *PAGING,
    fields=CONFIGURATION,
)
def list_configurations(lab: Lab, args: Args) -> Json:
    wanted = (args.get("name") or "").lower(), (args.get("keyword") or "").lower()
    if args.get("category", "Advanced").lower() != "advanced":
        return {}
    names = [name for name in sorted(SETTINGS) if all(part in name for part in wanted)]
    size = args.get("pagesize") or len(names) or 1
    start = ((args.get("page") or 1) - 1) * size
    if size < 1 or start < 0:
        raise invalid("page and pagesize count from 1.")
    rows = [_configuration(lab, name) for name in names[start : start + size]]
    return listed("configuration", len(names), rows)


@api(
    "updateConfiguration",
    "Changes a setting of the lab; without a value it gets its default again",
    required("name", "string", "the setting"),
    optional("value", "string", "its new value"),
    fields=CONFIGURATION,
)
def update_configuration(lab: Lab, args: Args) -> Json:
    name = args["name"].lower()
    if name not in SETTINGS:
        near = similar(name, SETTINGS)
        raise invalid(f"There is no setting {name}." + (f" Did you mean {near}?" if near else ""))
    value = args.get("value")
    if value is None:
        lab.store.execute("DELETE FROM configuration WHERE name = ?", name)
    else:
        lab.store.execute(
            "INSERT INTO configuration (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            checked(name, value),
        )
    record(lab, "CONFIGURATION.VALUE.EDIT", f"{name} is {setting(lab.store, name)}")
    return {"configuration": _configuration(lab, name)}


def _configuration(lab: Lab, name: str) -> Json:
    return present(
        name=name,
        value=setting(lab.store, name),
        defaultvalue=SETTINGS[name].default,
        description=SETTINGS[name].description,
        category="Advanced",
        isdynamic=True,
    )
