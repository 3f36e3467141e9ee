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
from cmk.masks import in_text
from cmk.wire.faults import invalid

Args = dict[str, Any]
Row = dict[str, Any]

#: Adds to the rows of a page what no column of the view has, for all of them at once.
Compute = Callable[[Call, list[Row]], None]

#: Looks at what the rows of a page stand for; whether the store has changed by that.
Look = Callable[[list[Row]], bool]

#: Parameters that are no column's name: the column, and how it is compared.
_FILTERS = {"ids": ("id", "="), "startdate": ("created", ">=")}


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
    ) -> None:
        """`api` lists them; `keyword` is the column that the parameter of that name searches; what
        `is_owned` is listed for its owner only."""
        self.name = name
        self.fields = fields
        self.api = api
        self._view = view
        self._compute = compute
        self._keyword = keyword
        self._order = order
        self._is_owned = is_owned

    def listed(self, call: Call, args: Args, look: Look | None = None) -> Json:
        """The page that the parameters ask for, as a list API answers.

        `look` is given the rows, and says whether what they show has changed by that.
        """
        where, values = self._condition(call, args)
        limit, offset = _page(args)
        rows = self._rows(call, where, values, limit, offset)
        if look is not None and rows and look(rows):  # what was asked for may be others now
            rows = self._rows(call, where, values, limit, offset)
        if not rows:
            return {}
        count = len(rows)
        if limit >= 0:
            count = call.store.value(f"SELECT count(*) FROM {self._view}{where}", *values)
        return {"count": count, self.name: self._shown(call, rows)}

    def one(self, call: Call, uuid: str, column: str = "id") -> Json:
        """The response object of the thing with this id."""
        [row] = self._rows(call, f" WHERE {column} = ?", [uuid])
        return self._shown(call, [row])[0]

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

    def _condition(self, call: Call, args: Args) -> tuple[str, list[Any]]:
        parts: list[str] = []
        values: list[Any] = []
        for name, value in args.items():
            if value is None or name in ("page", "pagesize"):
                continue
            if name == "keyword":
                parts.append(f"instr(lower({self._keyword}), lower(?)) > 0")
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
        if self._is_owned and not call.caller.is_root:
            parts.append("account_id = ?")
            values.append(call.caller.id)
        return (f" WHERE {' AND '.join(parts)}" if parts else ""), values

    def _shown(self, call: Call, rows: list[Row]) -> list[Json]:
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


def _page(args: Args) -> tuple[int, int]:
    """How many rows (-1: all), from which on."""
    page, size = args.get("page"), args.get("pagesize")
    if size is None:
        if page is not None:
            raise invalid("page= needs pagesize=.")
        return -1, 0
    if size < 1 or (page is not None and page < 1):
        raise invalid("page and pagesize count from 1.")
    return size, ((page or 1) - 1) * size


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
        raise invalid(f"The {thing.KIND} {name} is in use by: {', '.join(users[:5])}.")
    thing.remove(call.store)
    record(
        call, f"{thing.KIND.upper().replace(' ', '.')}.DELETE", f"Deleted the {thing.KIND} {name}"
    )
    return {"success": True, "displaytext": f"The {thing.KIND} {name} is deleted"}


def kvm_only(args: Mapping[str, Any]) -> None:
    """Raise ApiError 431 for another hypervisor."""
    if args["hypervisor"].upper() != "KVM":
        raise invalid(f"The lab's hosts run KVM, not {args['hypervisor']}.")
