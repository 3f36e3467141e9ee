"""Copies of templates and ISOs on storage pools: the rows of template_spool_ref."""

from __future__ import annotations

from cmk.lab.declaration import listing
from cmk.lab.noun import Noun

SPOOL_REF = Noun(
    "templatespoolref",
    "listTemplateSpoolRefs",
    "template_spool_ref_view",
    "id templateid templatename storageid storagename state downloadstate downloadpercent "
    "errortext path size checksum created updated",
    keyword="templatename",
    is_owned=True,
)

listing(
    SPOOL_REF,
    "copies of templates and ISOs on storage pools (lab only)",
    "",
    """
    templateid (uuid): copies of this template or ISO
    storageid (uuid): copies on this storage pool
""",
)
