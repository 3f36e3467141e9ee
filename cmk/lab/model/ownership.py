"""Whose things a list shows, as a condition on the account that they belong to."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple


class Projects(Enum):
    """What becomes of things that belong to projects."""

    SKIPPED = "NOT IN"
    ALONE = "IN"
    TOO = ""


class Owners(NamedTuple):
    """These accounts (None: any), in this domain and, if it is said, all below it (None: any)."""

    accounts: list[int] | None = None
    domain: int | None = None
    is_recursive: bool = False
    projects: Projects = Projects.TOO

    def condition(self, column: str = "account_id") -> tuple[str, list[Any]]:
        """SQL of a column with the number of an account, and its values; "" for all there are."""
        parts: list[str] = []
        values: list[Any] = []
        if self.accounts is not None:
            parts.append(f"{column} IN ({', '.join('?' * len(self.accounts))})")
            values += self.accounts
        if self.domain is not None:
            within = "d.id = ?"
            if self.is_recursive:
                within = "instr(d.path || '/', (SELECT path FROM domain WHERE id = ?) || '/') = 1"
            parts.append(
                f"{column} IN (SELECT a.id FROM account a JOIN domain d ON d.id = a.domain_id "
                f"WHERE {within})"
            )
            values.append(self.domain)
        if self.projects is not Projects.TOO:
            of_projects = "(SELECT project_account_id FROM projects)"
            parts.append(f"{column} {self.projects.value} {of_projects}")
        return " AND ".join(parts), values
