"""A kind of thing as data: the view that shows it, its fields, its filters; one declaration each.

    ZONE = Noun("zone", "listZones", "zone_view", "id name description networktype dns1")

A list API's parameters are columns of the view by their names, the response object is its fields in
their order, without those that have no value. Types are the catalog's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cmk.catalog.index import lab as lab_catalog
from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.events import record
from cmk.lab.model.record import Record
from cmk.lab.model.tag import Tag
from cmk.lab.ownership import owners
from cmk.masks import in_text
from cmk.wire.faults import failed, invalid, malformed, no_such

Args = dict[str, Any]
Row = dict[str, Any]

#: Adds to the rows of a page what no column of the view has, for all of them at once.
Compute = Callable[[Call, list[Row]], None]

#: Looks at what the rows of a page stand for; whether the store has changed by that.
Look = Callable[[list[Row]], bool]

#: A condition in SQL, and its values.
Among = tuple[str, list[Any]]

#: Parameters that are no column's name: the column, and how it is compared.
_FILTERS = {"ids": ("id", "="), "startdate": ("created", ">="), "enddate": ("created", "<=")}

#: Parameters that stand for something else of a view's rows.
_MEMBERS = {
    (
        "user_vm_view",
        "networkid",
    ): "row_id IN (SELECT instance_id FROM nic_view WHERE networkid = ?)",
    ("user_vm_view", "vpcid"): "row_id IN (SELECT instance_id FROM nic_view WHERE vpcid = ?)",
    ("user_vm_view", "keypair"): "instr(',' || keypairs || ',', ',' || ? || ',') > 0",
    ("affinity_group_view", "virtualmachineid"): "row_id IN (SELECT m.affinity_group_id "
    "FROM affinity_group_vm_map m JOIN vm_instance v ON v.id = m.instance_id WHERE v.uuid = ?)",
    ("user_vm_view", "affinitygroupid"): "row_id IN (SELECT m.instance_id "
    "FROM affinity_group_vm_map m JOIN affinity_group g ON g.id = m.affinity_group_id "
    "WHERE g.uuid = ?)",
    ("user_vm_view", "securitygroupid"): "row_id IN (SELECT m.instance_id "
    "FROM security_group_vm_map m JOIN security_group g ON g.id = m.security_group_id "
    "WHERE g.uuid = ?)",
    ("security_group_view", "virtualmachineid"): "row_id IN (SELECT m.security_group_id "
    "FROM security_group_vm_map m JOIN vm_instance v ON v.id = m.instance_id WHERE v.uuid = ?)",
    ("load_balancer_view", "virtualmachineid"): "row_id IN (SELECT m.load_balancer_id "
    "FROM load_balancer_vm_map m JOIN vm_instance v ON v.id = m.instance_id WHERE v.uuid = ?)",
    ("router_view", "networkid"): "EXISTS (SELECT 1 FROM network_view WHERE id = ?)",
    ("router_view", "vpcid"): "EXISTS (SELECT 1 FROM vpc_view WHERE id = ?)",
}

#: Where the things are that parameters of lists name by their ids.
_VIEWS = {
    "clusterid": "cluster_view",
    "diskofferingid": "disk_offering_view",
    "domainid": "domain_view",
    "hostid": "host_view",
    "isoid": "template_view",
    "networkid": "network_view",
    "podid": "pod_view",
    "serviceofferingid": "service_offering_view",
    "storageid": "storage_pool_view",
    "templateid": "template_view",
    "vpcid": "vpc_view",
    "vpcofferingid": "vpc_offering_view",
    "aclid": "network_acl_view",
    "zoneid": "zone_view",
}

#: Stands for none in particular, where clients of CloudStack have to name one.
ANY = "-1"


class Noun:
    """One kind of thing; `name` is the key of its rows in a reply."""

    def __init__(
        self,
        name: str,
        api: str,
        view: str,
        fields: str,
        compute: Compute | None = None,
        keyword: str = "name",
        order: str = "row_id",
        is_owned: bool = False,
        tagged: str = "",
    ) -> None:
        """`api` lists them; `keyword` is the column that the parameter of that name searches; what
        `is_owned` is listed for its owner only; `tagged` is how tags call them, where they can have
        any."""
        self.name = name
        self.fields = fields
        self.api = api
        self._view = view
        self._compute = compute
        self._keyword = keyword
        self._order = order
        self.is_owned = is_owned
        self.tagged = tagged

    def listed(
        self, call: Call, args: Args, look: Look | None = None, among: Among | None = None
    ) -> Json:
        """The page that the parameters ask for, as a list API answers.

        `look` is given the rows, and says whether what they show has changed by that. `among` is
        the condition of those that may be shown, where it is not whose they are.
        """
        where, values = self._condition(call, self._named(call, args), among)
        limit, offset = _page(args)
        rows = self._rows(call, where, values, limit, offset)
        if look is not None and rows and look(rows):  # what was asked for may be others now
            rows = self._rows(call, where, values, limit, offset)
        count = len(rows)
        if limit >= 0:
            count = call.store.value(f"SELECT count(*) FROM {self._view}{where}", *values)
        if not rows:  # behind the last page there is still a number
            return {"count": count} if count else {}
        return {"count": count, self.name: self.shown(call, rows)}

    def one(self, call: Call, uuid: str, column: str = "id") -> Json:
        """The response object of the thing with this id."""
        [row] = self._rows(call, f" WHERE {column} = ?", [uuid])
        return self.shown(call, [row])[0]

    def all_with(self, call: Call, **columns: Any) -> list[Json]:
        """The response objects of all that have these in their columns, whosever they are."""
        where = " AND ".join(f"{column} = ?" for column in columns)
        return self.shown(call, self._rows(call, f" WHERE {where}", list(columns.values())))

    def answer(self, call: Call, thing: Record) -> Json:
        """`{"zone": {…}}`: what an API answers that made or changed a thing."""
        return {self.name: self.one(call, thing.uuid)}

    def raw(self, call: Call, args: Args) -> list[Row]:
        """The rows with these columns, as the view has them."""
        return self._rows(call, *self._condition(call, args))

    def _rows(
        self, call: Call, where: str, values: list[Any], limit: int = -1, offset: int = 0
    ) -> list[Row]:
        sql = f"SELECT * FROM {self._view}{where} ORDER BY {self._order} LIMIT ? OFFSET ?"
        return [dict(row) for row in call.store.rows(sql, *values, limit, offset)]

    def _named(self, call: Call, args: Args) -> Args:
        """The parameters, with what is named by a number under its id; raises ApiError 431 for what
        is not there, whosever it is."""
        if args.get("id") and args.get("ids"):
            raise invalid("id and ids exclude each other.")
        found = dict(args)
        for name, value in args.items():
            view = self._view if name in ("id", "ids") else _VIEWS.get(name)
            if view is None or value is None:
                continue
            if value == ANY:
                del found[name]
            elif isinstance(value, list):
                found[name] = [_id_in(call, view, name, each) for each in value]
            else:
                found[name] = _id_in(call, view, name, value)
        return found

    def _condition(self, call: Call, args: Args, among: Among | None = None) -> Among:
        parts: list[str] = []
        values: list[Any] = []
        if self.is_owned:
            args = dict(args)
            is_one = bool(args.get("id") or args.get("ids"))
            mine = owners(call, args, is_one)
            part, values = among or mine.condition()
            parts += [part] if part else []
        for name, value in args.items():
            if value is None or name in ("page", "pagesize"):
                continue
            if name == "keyword":
                parts.append(f"instr(lower({self._keyword}), lower(?)) > 0")
                values.append(value)
                continue
            if name == "tags" and self.tagged:
                part, more = Tag.having(self.tagged, value)
                parts.append(part)
                values += more
                continue
            if (self._view, name) in _MEMBERS:
                parts.append(_MEMBERS[self._view, name])
                values.append(value)
                continue
            column, test = _FILTERS.get(name, (name, "="))
            if isinstance(value, list):
                parts.append(f"{column} IN ({', '.join('?' * len(value))})")
                values += [each.lower() if isinstance(each, str) else each for each in value]
            else:
                any_case = " COLLATE NOCASE" if isinstance(value, str) else ""
                parts.append(f"{column} {test} ?{any_case}")
                values.append(value)
        return (f" WHERE {' AND '.join(parts)}" if parts else ""), values

    def shown(self, call: Call, rows: list[Row]) -> list[Json]:
        if self.tagged:
            tags = Tag.of_all(call.store, self.tagged, [row["id"] for row in rows])
            for row in rows:
                row["tags"] = tags.get(row["id"], [])
        if self._compute is not None:
            self._compute(call, rows)
        described = lab_catalog().described(self.api)
        types = {field.name: field.type for field in described.fields} if described else {}
        flags = {name for name, type in types.items() if type == "boolean"}
        names = [(name, name in flags) for name in self.fields.split()]
        return [
            {
                name: bool(row[name]) if is_flag else _without_keys(row[name])
                for name, is_flag in names
                if row.get(name) is not None
            }
            for row in rows
        ]


def _without_keys(value: Any) -> Any:
    """What a URL's query has may let in; nobody who lists things is shown that."""
    return in_text(value) if isinstance(value, str) else value


def _id_in(call: Call, view: str, param: str, given: str) -> str:
    """The id of a thing that is named by that, or by its number as CloudStack still takes it."""
    given = str(given).lower()
    column = "row_id" if given.isdigit() and view != "template_view" else "id"
    found: str | None = call.store.value(f"SELECT id FROM {view} WHERE {column} = ?", given)
    if found is None:
        raise no_such(_word(view), param, given)
    return found


def _word(view: str) -> str:
    return view.removesuffix("_view").removeprefix("user_").replace("_", " ")


def _page(args: Args) -> tuple[int, int]:
    """How many rows (-1: all), from which on."""
    page, size = args.get("page"), args.get("pagesize")
    if size == -1 or (page, size) == (None, None):
        return -1, 0
    if page is None or size is None:
        raise malformed("page and pagesize go together.")
    if size < 1:
        raise malformed("pagesize counts from 1; -1 is all.")
    return size, min((max(page, 1) - 1) * size, (1 << 63) - 1)


def page_of(rows: list[Any], args: Args) -> list[Any]:
    """The page of a list that no view has."""
    size, start = _page(args)
    return rows if size < 0 else rows[start : start + size]


def changed(call: Call, noun: Noun, thing: Record, **columns: Any) -> Json:
    """Change the columns that were given (None: it was not), and answer with the thing."""
    given = {name: value for name, value in columns.items() if value is not None}
    if given:
        thing.update(call.store, **given)
    return noun.answer(call, thing)


def deleted(call: Call, thing: Record, users: list[str]) -> Json:
    """Mark a thing as removed, unless something uses it."""
    name = vars(thing)["name"]
    if users:
        raise failed(f"The {thing.KIND} {name} is in use by: {', '.join(users[:5])}.")
    thing.remove(call.store)
    record(
        call, f"{thing.KIND.upper().replace(' ', '.')}.DELETE", f"Deleted the {thing.KIND} {name}"
    )
    return {"success": True, "displaytext": f"The {thing.KIND} {name} is deleted"}


def kvm_only(args: Mapping[str, Any]) -> None:
    """Raise ApiError 431 for another hypervisor."""
    if args["hypervisor"].upper() != "KVM":
        raise invalid(f"The lab's hosts run KVM, not {args['hypervisor']}.")
