"""`list apis`: the lab's catalog, as CloudStack's listApis shows one."""

from __future__ import annotations

from collections.abc import Iterator

from cmk.catalog.index import lab as lab_catalog
from cmk.catalog.index import shipped
from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.noun import Args
from cmk.lab.nouns.nothing import METRICS, NOTHING
from cmk.lab.roles import may_call


@api("name description isasync params response labonly deviation")
def list_apis(call: Call, args: Args) -> Json:
    """Lists the APIs that this lab has.

    name: the API with this name
    """
    wanted = args.get("name", "").lower()
    rows = [*lab_catalog().records(), *(_over_http() if call.is_remote else ())]
    rows = [
        row
        for row in rows
        if wanted in ("", row["name"].lower()) and may_call(call.caller, row["name"])
    ]
    return {"count": len(rows), "api": rows} if rows else {}


def _over_http() -> Iterator[Json]:
    """What is there over HTTP alone: other names, and the lists of which a lab has nothing."""
    mine = {row["name"]: row for row in lab_catalog().records()}
    yield from ({**mine[name], "name": other} for other, name in METRICS.items())
    for name in sorted(NOTHING):
        api = shipped().described(name)
        assert api is not None  # a test holds the table against the catalog
        yield {
            "name": api.name,
            "description": f"Lists {api.noun}",
            "isasync": False,
            "deviation": "The lab has none: over HTTP it answers with nothing.",
            "params": [
                {"name": p.name, "type": p.type, "required": p.required, "description": ""}
                for p in api.params
            ],
            "response": [{"name": f.name, "type": f.type, "description": ""} for f in api.fields],
        }
