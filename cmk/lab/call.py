"""What a handler sees: the lab, who asks, and where a word to them goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cmk.lab.lab import Lab
from cmk.lab.model.account import ADMIN_ACCOUNT, Account, Project
from cmk.lab.model.record import Record
from cmk.lab.store import Store
from cmk.wire.faults import INVALID_PARAMETER, no_such, not_yours

R = TypeVar("R", bound=Record)

#: Says a line to whoever asks; never data.
Tell = Callable[[str], None]


class Call:
    """One call of an API, or a job's work: for one account."""

    def __init__(
        self, lab: Lab, caller: Account, tell: Tell, origin: str = "", user: str = ""
    ) -> None:
        """`origin`: the server (`https://host:8080`) that it has come to over HTTP, from who need
        not be a user of this machine; `user` is the id of the account's user that asks."""
        self.lab = lab
        self.origin = origin
        self.user = user
        self.caller = caller
        self.tell = tell
        #: Whether a job was queued, for which a worker is hired when the call's changes are in.
        self.has_submitted = False

    @classmethod
    def of_admin(cls, lab: Lab, tell: Tell) -> Call:
        """The command line's, on this machine: it may do all."""
        return cls(lab, Account.of(lab.store, ADMIN_ACCOUNT), tell)

    @property
    def is_remote(self) -> bool:
        """Whether it has come over HTTP."""
        return bool(self.origin)

    @property
    def store(self) -> Store:
        return self.lab.store

    def find(self, kind: type[R], uuid: str, param: str = "id") -> R:
        """The one look-up by id: of what is there (not removed) and the caller's to touch.

        Raises ApiError 431, naming the parameter, for what is not there, NotAuthorised (531) for
        what is another's.
        """
        found = kind.known(self.store, uuid)
        if found is None:
            unknown = no_such(kind.KIND, param, uuid)
            if kind.is_gone(self.store, uuid):
                unknown.cserrorcode = INVALID_PARAMETER
            raise unknown
        if not self.sees(found):
            raise not_yours(kind.KIND)
        return found

    def use(self, kind: type[R], uuid: str, param: str = "id") -> R:
        """The same for what others may have shared: a template that is public is there to be used,
        and not to be touched."""
        found = kind.known(self.store, uuid)
        mine = (self.caller.id, *Project.accounts_of(self.store, self.caller.id))
        if found is not None and any(found.is_for(self.store, each) for each in mine):
            return found
        return self.find(kind, uuid, param)

    def sees(self, thing: Record) -> bool:
        """Whether a thing is the caller's to touch: nobody's in particular, its own, or of an
        account that it is above."""
        return thing.owner is None or self.caller.is_above(self.store, thing.owner)
