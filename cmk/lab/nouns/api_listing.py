"""`list apis`: the lab's catalog, as CloudStack's listApis shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmk.catalog import Api, Catalog
from cmk.lab.api import HANDLERS, Args, Json, api, optional
from cmk.lab.deviations import LAB_ONLY_APIS
from cmk.lab.fields import fields
from cmk.lab.query import listed, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


@api(
    "listApis",
    "Lists the APIs that this lab has",
    optional("name", "string", "the API with this name"),
    fields=fields("name description isasync params response labonly deviation"),
)
def list_apis(lab: Lab, args: Args) -> Json:
    wanted = args.get("name", "").lower()
    apis = [handler.api for name, handler in HANDLERS.items() if wanted in ("", name)]
    rows = [_description_of(one) for one in sorted(apis, key=lambda one: one.name)]
    return listed("api", len(rows), rows)


def written_catalog(catalog: Catalog) -> bytes:
    """The lab's catalog as the file that ships with cmk: the Tab key reads that, not the code."""
    from cmk.catalog.index import written

    return written((_description_of(one) for one in catalog.all()), "lab:", synced=1)


def _description_of(one: Api) -> Json:
    """An API as listApis shows it."""
    return present(
        name=one.name,
        description=one.description,
        isasync=one.isasync,
        labonly=True if one.name in LAB_ONLY_APIS else None,
        deviation=one.note or None,
        params=[
            present(
                name=param.name,
                type=param.type,
                required=param.required,
                description=param.description,
                values=list(param.values) or None,
            )
            for param in one.params
        ],
        response=[
            {"name": field.name, "type": field.type, "description": field.description}
            for field in one.fields
        ],
    )
