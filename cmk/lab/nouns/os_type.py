"""OS types: what a template says is inside it."""

from __future__ import annotations

from cmk.lab.declaration import listing
from cmk.lab.noun import Noun

OS_TYPE = Noun(
    "ostype",
    "listOsTypes",
    "guest_os_view",
    "id description oscategoryid isuserdefined",
    keyword="description",
)

listing(
    OS_TYPE,
    "OS types",
    "id",
    """
    description: the OS type with this name
    oscategoryid: OS types of this category
""",
)

OS_CATEGORY = Noun("oscategory", "listOsCategories", "os_category_view", "id name isfeatured")

listing(OS_CATEGORY, "OS categories", "id name")
