"""Copies of templates: on storage pools (template_spool_ref) and on image stores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from cmk.lab.model.pool import Pool
from cmk.lab.model.record import Record, State
from cmk.lab.model.template import Template
from cmk.lab.store import Store, now


class DownloadState(State):
    """How far a copy is."""

    NOT_DOWNLOADED = "NOT_DOWNLOADED"
    IN_PROGRESS = "DOWNLOAD_IN_PROGRESS"
    DOWNLOADED = "DOWNLOADED"
    FAILED = "DOWNLOAD_ERROR"
    #: Of image stores: somebody is to bring its bytes.
    NOT_UPLOADED = "NOT_UPLOADED"
    #: Of image stores: a directly downloaded template never comes there.
    BYPASSED = "BYPASSED"


class Copy(Record):
    """A copy of a template on a pool.

    `template_size` is the virtual size, `physical_size` the file's, in bytes; `inode` and `mtime`
    (ns) are what the file showed when it was recorded. `served_digest` is of the bytes as served,
    `stored_digest` of the file, both sha-256; `checksum` what the former was verified with.
    `next_path` is the name of a newer version that is being fetched beside it.
    """

    TABLE, KIND, THERE = "template_spool_ref", "copy", "1"
    STATES: ClassVar = {"download_state": DownloadState}

    pool_id: int
    template_id: int
    job_id: int | None
    state: str
    download_state: DownloadState
    download_pct: int
    error_str: str | None
    install_path: str
    template_size: int | None
    physical_size: int | None
    inode: int | None
    mtime: int | None
    served_digest: str | None
    stored_digest: str | None
    checksum: str | None
    url: str | None
    etag: str | None
    last_modified: str | None
    stale: int
    next_path: str | None
    marked_for_gc: str | None
    mirrors: str | None

    @property
    def facts(self) -> dict[str, int | None]:
        """What the agent must find of its file, if it is to be trusted."""
        return {"size": self.physical_size, "inode": self.inode, "mtime": self.mtime}

    @property
    def mirrors_used(self) -> list[str]:
        """Where its bytes came from, without queries."""
        found: list[str] = json.loads(self.mirrors or "[]")
        return found

    @classmethod
    def twins(cls, store: Store, pool: Pool, template: Template) -> list[Copy]:
        """Copies of other templates on the pool that have the digest that this one promises."""
        return cls.where(
            store,
            "pool_id = ? AND template_id <> ? AND download_state = 'DOWNLOADED' "
            "AND (checksum = ? OR '{SHA-256}' || served_digest = ?) "
            "AND template_id IN (SELECT id FROM vm_template WHERE format = ?) ORDER BY id",
            pool.id,
            template.id,
            template.checksum,
            template.checksum,
            template.format,
        )

    def begin(self, store: Store, job: int) -> None:
        """A job takes the right to download it."""
        self.update(
            store,
            job_id=job,
            state="Creating",
            updated=now(),
            download_state=DownloadState.IN_PROGRESS,
            download_pct=0,
            error_str=None,
        )

    def fail(self, store: Store, reason: str) -> None:
        """The download did not end well; the next one goes on from where it came."""
        self.update(
            store,
            state="Allocated",
            download_state=DownloadState.FAILED,
            error_str=reason,
            job_id=None,
            updated=now(),
        )

    def settle(self, store: Store, name: str, found: Mapping[str, Any]) -> None:
        """The file `name` is the copy now; `found` are its columns."""
        self.update(
            store,
            state="Ready",
            download_state=DownloadState.DOWNLOADED,
            download_pct=100,
            error_str=None,
            job_id=None,
            updated=now(),
            install_path=name,
            local_path=name,
            next_path=None,
            stale=0,
            **found,
        )

    def distrust(self, store: Store, name: str) -> bool:
        """Mark as absent, with another name for the next file; False where somebody was faster."""
        return bool(
            store.execute(
                "UPDATE template_spool_ref SET state = 'Allocated', "
                "download_state = 'NOT_DOWNLOADED', "
                "job_id = CASE WHEN next_path IS NULL THEN NULL ELSE job_id END, "
                "install_path = ?, local_path = ?, updated = ? "
                "WHERE id = ? AND download_state = 'DOWNLOADED' AND install_path = ?",
                name,
                name,
                now(),
                self.id,
                self.install_path,
            )
        )

    def orphan(self, store: Store, path: str) -> None:
        """Note that nothing names this file of its pool any more: it goes when no disk stands on
        it."""
        store.execute(
            "INSERT OR IGNORE INTO orphan (pool_id, path, template_id) VALUES (?, ?, ?)",
            self.pool_id,
            path,
            self.template_id,
        )

    def forget(self, store: Store) -> None:
        """Take the row out, and leave its file to whoever collects."""
        self.orphan(store, self.install_path)
        self.delete(store)


class ShownCopy(Copy):
    """A copy with its pool, as the template's listing shows it."""

    storageid: str
    storagename: str
    data_center_id: int

    @classmethod
    def of_all(cls, store: Store, templates: set[int]) -> list[ShownCopy]:
        """Those of several templates."""
        marks = ", ".join("?" * len(templates))
        rows = store.rows(
            "SELECT c.*, s.uuid AS storageid, s.name AS storagename, s.data_center_id "
            "FROM template_spool_ref c JOIN storage_pool s ON s.id = c.pool_id "
            f"WHERE c.template_id IN ({marks}) ORDER BY c.id",
            *sorted(templates),
        )
        return [cls(row) for row in rows]


class ImageStore(Record):
    """Secondary storage: a directory on the lab's own machine."""

    TABLE, KIND, RESOURCE = "image_store", "image store", "ImageStore"

    name: str
    url: str
    path: str
    data_center_id: int
    removed: str | None

    def templates(self, store: Store) -> list[str]:
        """The names of what is on it."""
        rows = store.rows(
            "SELECT t.name FROM template_store_ref r JOIN vm_template t ON t.id = r.template_id "
            "WHERE r.store_id = ? AND t.removed IS NULL ORDER BY r.id",
            self.id,
        )
        return [row["name"] for row in rows]


class StoredCopy(Record):
    """A template's copy on an image store; one that is downloaded directly has one without store,
    which is bypassed. `size` is the virtual size, `physical_size` the file's, in bytes."""

    TABLE, KIND, THERE, HAS_UUID = "template_store_ref", "stored copy", "1", False
    STATES: ClassVar = {"download_state": DownloadState}

    store_id: int | None
    template_id: int
    download_state: DownloadState
    download_pct: int
    error_str: str | None
    install_path: str | None
    size: int
    physical_size: int | None
    stored_digest: str | None
    #: Of its image store; None where it has none.
    data_center_id: int | None
    directory: str | None

    @property
    def is_ready(self) -> bool:
        """Whether VMs can be deployed from it."""
        return self.download_state in (DownloadState.BYPASSED, DownloadState.DOWNLOADED)

    @property
    def status(self) -> str:
        """How CloudStack says how far it is."""
        if self.download_state == DownloadState.BYPASSED:
            return "Bypassed Secondary Storage"
        if self.download_state == DownloadState.DOWNLOADED:
            return "Download Complete"
        if self.download_state == DownloadState.FAILED:
            return str(self.error_str)
        if self.download_state == DownloadState.NOT_UPLOADED:
            return "Not Uploaded"
        return f"{self.download_pct}% Downloaded"

    @classmethod
    def where(cls, store: Store, condition: str, *values: Any) -> list[StoredCopy]:
        rows = store.rows(
            "SELECT r.*, s.data_center_id, s.path AS directory FROM template_store_ref r "
            f"LEFT JOIN image_store s ON s.id = r.store_id WHERE {condition}",
            *values,
        )
        return [cls(row) for row in rows]

    @classmethod
    def of_all(cls, store: Store, templates: set[int]) -> list[StoredCopy]:
        """Those of several templates."""
        marks = ", ".join("?" * len(templates))
        return cls.where(store, f"r.template_id IN ({marks}) ORDER BY r.id", *sorted(templates))

    @classmethod
    def on_stores(cls, store: Store, template: Template) -> list[StoredCopy]:
        """A template's on image stores."""
        return cls.where(
            store, "r.template_id = ? AND r.store_id IS NOT NULL ORDER BY r.id", template.id
        )

    @classmethod
    def unregistered(cls, store: Store) -> list[StoredCopy]:
        """Those whose template is not registered in the store's zone any more."""
        return cls.where(
            store,
            "r.store_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM template_zone_ref z "
            "WHERE z.template_id = r.template_id AND z.zone_id = s.data_center_id "
            "AND z.removed IS NULL) ORDER BY r.id",
        )


def is_ready(store: Store, template: Template, zone: int | None = None) -> bool:
    """Whether VMs can be deployed from a template, in one zone or in all of its zones."""
    return all(
        copy.is_ready
        for copy in StoredCopy.of_all(store, {template.id})
        if zone is None or copy.data_center_id in (None, zone)
    )
