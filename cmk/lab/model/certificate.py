"""Certificates that downloads of a zone's hosts trust, and the hosts they were revoked for."""

from __future__ import annotations

from cmk.lab.model.host import Host
from cmk.lab.model.record import Record
from cmk.lab.store import Store


class Certificate(Record):
    """A certificate in PEM, known by its alias in a zone."""

    TABLE, KIND, THERE = "direct_download_certificate", "certificate", "1"

    alias: str
    certificate: str
    hypervisor_type: str
    zone_id: int

    @classmethod
    def trusted(cls, store: Store, zone: int, host: int) -> list[str]:
        """A zone's in PEM, but for those that were revoked for this host."""
        found = cls.where(
            store,
            "zone_id = ? AND NOT EXISTS (SELECT 1 FROM direct_download_certificate_host_map m "
            "WHERE m.certificate_id = direct_download_certificate.id AND m.host_id = ? "
            "AND m.revoked = 1) ORDER BY id",
            zone,
            host,
        )
        return [each.certificate for each in found]

    def map(self, store: Store, host: Host, revoked: bool) -> None:
        """Write down whether a host has it."""
        store.execute(
            "INSERT INTO direct_download_certificate_host_map (certificate_id, host_id, revoked) "
            "VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET revoked = excluded.revoked",
            self.id,
            host.id,
            revoked,
        )

    def hosts(self, store: Store) -> list[tuple[Host, bool]]:
        """The hosts that were given it, and whether it was revoked there."""
        rows = store.rows(
            "SELECT h.*, m.revoked FROM direct_download_certificate_host_map m "
            "JOIN host h ON h.id = m.host_id WHERE m.certificate_id = ? ORDER BY h.id",
            self.id,
        )
        return [(Host(row), bool(row["revoked"])) for row in rows]
