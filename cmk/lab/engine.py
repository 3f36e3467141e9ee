"""The lab as a backend: API name -> handler, and the catalog that the handlers describe."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module

from cmk.catalog import Catalog
from cmk.environment import Environment
from cmk.errors import ApiError, UsageError
from cmk.lab.api import HANDLERS, Handler, Json, response_name, typed
from cmk.lab.directory import LabDirectory
from cmk.lab.store import Store

#: The account that everything in a lab belongs to; CloudStack's admin has this number too.
ADMIN_ACCOUNT = 2

#: The modules whose decorated functions are the lab's APIs.
NOUNS = (
    "zone",
    "pod",
    "host",
    "storage_pool",
    "offering",
    "os_type",
    "network",
    "template",
    "iso",
    "image_store",
    "certificate",
    "spool_ref",
    "virtual_machine",
    "async_job",
    "event",
    "configuration",
    "api_listing",
)


def handlers() -> dict[str, Handler]:
    """All handlers, by API name in lower case."""
    for noun in NOUNS:
        import_module(f"cmk.lab.nouns.{noun}")
    return HANDLERS


def lab_catalog() -> Catalog:
    """The catalog of every lab: it lies in the code, not in the store."""
    return Catalog(handler.api for handler in handlers().values())


class Lab:
    """One lab: its directory, its store, and the APIs over them; made at its first use."""

    pauses = (0.02, 0.05)

    def __init__(self, directory: LabDirectory, environment: Environment) -> None:
        self.directory = directory
        self.environment = environment
        self._store: Store | None = None
        self._catalog: Catalog | None = None

    @property
    def store(self) -> Store:
        """The open store. Raises ConfigurationError where it cannot be used."""
        if self._store is None:
            self.directory.make()
            self._store = Store.open(self.directory.store, self.directory.locked, self._seed)
        return self._store

    def _seed(self, store: Store) -> None:
        from cmk.lab.seed import seed

        seed(store, self.directory)

    @property
    def id(self) -> str:
        """The lab's own id; it stands in the metadata of every domain that is the lab's."""
        return str(self.store.value("SELECT uuid FROM lab"))

    @cached_property
    def owner(self) -> Json:
        """The one account of a lab, in the fields that every response object tells it with."""
        row = self.store.one(
            "SELECT a.account_name AS account, d.name AS domain, d.uuid AS domainid "
            "FROM account a JOIN domain d ON d.id = a.domain_id WHERE a.id = ?",
            ADMIN_ACCOUNT,
        )
        assert row is not None  # seeded
        return dict(row)

    def catalog(self) -> Catalog:
        if self._catalog is None:
            self._catalog = lab_catalog()
        return self._catalog

    def call(self, api: str, params: dict[str, str]) -> Json:
        """Run one API. Raises ApiError 432 for one that the lab has not."""
        handler = handlers().get(api.lower())
        if handler is None:
            raise ApiError(432, f"The lab has no API {api}.")
        args = typed(handler.api, params)
        from cmk.lab.jobs import revive

        revive(self)
        return {response_name(handler.api): handler.run(self, args)}

    def job(self, jobid: str) -> Json:
        reply = self.call("queryAsyncJobResult", {"jobid": jobid})
        content: Json = reply["queryasyncjobresultresponse"]
        return content

    def learn(self) -> bool:
        return False

    def as_curl(self, api: str, params: dict[str, str]) -> list[str]:
        raise UsageError("--curl is for management servers; a lab is not asked over HTTP.")

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
