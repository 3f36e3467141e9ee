"""Roles: CloudStack's default ones; none can be made."""

from __future__ import annotations

from cmk.lab.declaration import listing
from cmk.lab.noun import Noun

ROLE = Noun("role", "listRoles", "role_view", "id name type description isdefault ispublic state")

listing(ROLE, "roles", "id name", "    type: roles of this type")
