"""Volumes: the root disks of VMs."""

from __future__ import annotations

from cmk.lab.declaration import listing
from cmk.lab.noun import Noun

VOLUME = Noun(
    "volume",
    "listVolumes",
    "volume_view",
    "id name zoneid zonename type deviceid virtualmachineid vmname vmdisplayname vmstate vmtype "
    "templateid templatename templatedisplaytext provisioningtype size created state account "
    "domain domainid domainpath project projectid storagetype hypervisor storage storageid "
    "serviceofferingid serviceofferingname diskofferingid diskofferingname path isextractable "
    "displayvolume destroyed tags",
    is_owned=True,
    tagged="Volume",
)

listing(
    VOLUME,
    "volumes",
    "id name zoneid",
    """
    type=ROOT|DATADISK: volumes of this type; the lab has ROOT only
    state: volumes in this state: Allocated, Creating, Ready
    virtualmachineid: volumes of this VM
    storageid: volumes on this storage pool
    diskofferingid: volumes of this disk offering
""",
)
