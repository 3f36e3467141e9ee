"""Templates and ISOs, what is inside them, and the zones that they are registered in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cmk.lab.model.ownership import Owners
from cmk.lab.model.record import Record, details_of, set_details
from cmk.lab.store import Store, now

if TYPE_CHECKING:
    from cmk.images.metalink import Metalink


class OsType(Record):
    """What a template says is inside it."""

    TABLE, KIND, THERE = "guest_os", "OS type", "1"

    display_name: str


class Template(Record):
    """A template or an ISO.

    `size` is the virtual size in bytes where it is known, `url_size` that of what the URL serves;
    `checksum` has its {ALGORITHM}, `checksum_from` names who published it, None where it was given
    at registration; `etag` and `last_modified` are the URL's validators.
    """

    TABLE, KIND = "vm_template", "template or ISO"

    name: str
    display_text: str
    format: str
    hypervisor_type: str
    url: str
    direct_download: int
    enable_password: int
    enable_sshkey: int
    checksum: str | None
    checksum_from: str | None
    size: int | None
    url_size: int | None
    guest_os_id: int | None
    account_id: int
    bootable: int
    public: int
    featured: int
    etag: str | None
    last_modified: str | None
    metalink: str | None
    state: str
    removed: str | None

    @property
    def is_iso(self) -> bool:
        return self.format == "ISO"

    @property
    def kind(self) -> str:
        """As it is called in sentences."""
        return "ISO" if self.is_iso else "template"

    @property
    def resource(self) -> str:
        return "Iso" if self.is_iso else "Template"

    @property
    def upload(self) -> str:
        """The name of the file that was or is to be uploaded for it; "" where it has a URL."""
        scheme, _, name = self.url.partition(":")
        return name if scheme == "upload" else ""

    @property
    def is_fixed(self) -> bool:
        """Whether a checksum that was given at registration says which bytes it has for ever."""
        return bool(self.checksum) and not self.checksum_from

    def os_name(self, store: Store) -> str:
        """The OS type inside it, "" where none was told."""
        named = "SELECT display_name FROM guest_os WHERE id = ?"
        return str(store.value(named, self.guest_os_id) or "")

    def read_metalink(self) -> Metalink | None:
        """What was read of a metalink, or of a server's headers, at registration."""
        if not self.metalink:
            return None
        from cmk.images.metalink import Metalink

        return Metalink.from_json(json.loads(self.metalink))

    def mirrors(self) -> list[str]:
        """All of its URLs, in no order."""
        metalink = self.read_metalink()
        return [mirror.url for mirror in metalink.mirrors] if metalink else [self.url]

    def details(self, store: Store) -> dict[str, str]:
        """Its details, by name; those of request headers are secrets."""
        return details_of(store, "vm_template_details", "template_id", self.id)

    def add_details(self, store: Store, details: dict[str, str]) -> None:
        """At registration."""
        set_details(store, "vm_template_details", "template_id", self.id, details)

    def register_in(self, store: Store, zone: int) -> None:
        """At registration."""
        store.insert("template_zone_ref", template_id=self.id, zone_id=zone, created=now())

    def unregister_from(self, store: Store, zone: int | None) -> None:
        """From one zone or (None) all; where no zone has it any more it is removed."""
        one = "" if zone is None else " AND zone_id = ?"
        store.execute(
            f"UPDATE template_zone_ref SET removed = ? WHERE template_id = ?{one}",
            now(),
            self.id,
            *([] if zone is None else [zone]),
        )
        if not store.value(
            "SELECT 1 FROM template_zone_ref WHERE template_id = ? AND removed IS NULL", self.id
        ):
            self.untag(store)
            self.update(store, state="Inactive", removed=now())

    def is_registered_in(self, store: Store, zone: int) -> bool:
        """Whether a zone has it."""
        return bool(
            store.value(
                "SELECT 1 FROM template_zone_ref WHERE template_id = ? AND zone_id = ? "
                "AND removed IS NULL",
                self.id,
                zone,
            )
        )

    def is_for(self, store: Store, account: int) -> bool:
        return bool(self.public) or account in self.permitted(store)

    def permitted(self, store: Store) -> list[int]:
        """The accounts that may use it though it is not public."""
        rows = store.rows(
            "SELECT account_id FROM launch_permission WHERE template_id = ? ORDER BY id", self.id
        )
        return [row["account_id"] for row in rows]

    def permit(self, store: Store, account: int) -> None:
        """Let an account use it."""
        self.forbid(store, account)
        store.insert("launch_permission", template_id=self.id, account_id=account)

    def forbid(self, store: Store, account: int | None = None) -> None:
        """Let one account, or (None) all, use it no more."""
        one = "" if account is None else " AND account_id = ?"
        values = [] if account is None else [account]
        store.execute(f"DELETE FROM launch_permission WHERE template_id = ?{one}", self.id, *values)

    @staticmethod
    def filtered(which: str, mine: Owners, account: int) -> tuple[str, list[Any]]:
        """The condition of a templatefilter (4.22) on template_view, where `mine` are the caller's
        or those that were named."""
        own, values = mine.condition()
        own = own or "1"
        shared = "template_id IN (SELECT template_id FROM launch_permission WHERE account_id = ?)"
        if which == "featured":
            return f"isfeatured AND (ispublic OR {own})", values
        if which == "community":
            return "ispublic AND NOT isfeatured", []
        if which == "sharedexecutable":
            return shared, [account]
        if which == "executable":
            return f"(ispublic OR {own} OR {shared})", [*values, account]
        return own, values

    def users(self, store: Store) -> list[str]:
        """The names of the VMs that are made from it or have it in their drive."""
        rows = store.rows(
            "SELECT name FROM vm_instance WHERE removed IS NULL AND state <> 'Error' "
            "AND (vm_template_id = ? OR iso_id = ?) ORDER BY id",
            self.id,
            self.id,
        )
        return [row["name"] for row in rows]


class Iso(Template):
    """An ISO, where only one will do."""

    KIND, THERE = "ISO", "removed IS NULL AND format = 'ISO'"


class DiskTemplate(Template):
    """A template that is no ISO, where only one will do."""

    KIND, THERE = "template", "removed IS NULL AND format <> 'ISO'"
