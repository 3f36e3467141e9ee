"""`list apis`: the lab's catalog, as CloudStack's listApis shows one."""

from __future__ import annotations

from cmk.catalog.index import lab as lab_catalog
from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.noun import Args
from cmk.lab.roles import may_call


@api("name description isasync params response labonly deviation")
def list_apis(call: Call, args: Args) -> Json:
    """Lists the APIs that this lab has.

    name: the API with this name
    """
    wanted = args.get("name", "").lower()
    rows = [
        row
        for row in lab_catalog().records()
        if wanted in ("", row["name"].lower()) and may_call(call.caller, row["name"])
    ]
    return {"count": len(rows), "api": rows} if rows else {}
