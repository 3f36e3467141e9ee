"""What a new lab has: one zone with a pod, a cluster, this machine as host, its pool, offerings."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cmk.lab.directory import LabDirectory
from cmk.lab.model.account import ADMIN_ACCOUNT, ROOT_DOMAIN, SYSTEM_ACCOUNT
from cmk.lab.model.host import EMBEDDED
from cmk.lab.store import Store, new_uuid, now

#: name, display text, CPUs, MHz, MiB. The first two are CloudStack's own.
SERVICE_OFFERINGS = (
    ("Tiny Instance", "1 x 500 MHz, 256 MiB", 1, 500, 256),
    ("Small Instance", "1 x 500 MHz, 512 MiB", 1, 500, 512),
    ("Medium Instance", "1 x 1 GHz, 1 GiB", 1, 1000, 1024),
)

DISK_OFFERINGS = (("Small", "5 GiB disk", 5), ("Medium", "20 GiB disk", 20))

OS_TYPES = {
    "CentOS": ("CentOS 7", "CentOS Stream 8", "CentOS Stream 9"),
    "Debian": (
        "Debian GNU/Linux 10 (64-bit)",
        "Debian GNU/Linux 11 (64-bit)",
        "Debian GNU/Linux 12 (64-bit)",
    ),
    "RedHat": ("Red Hat Enterprise Linux 8.0", "Red Hat Enterprise Linux 9.0"),
    "SUSE": ("SUSE Linux Enterprise Server 15 (64-bit)", "openSUSE Leap 15"),
    "Ubuntu": ("Ubuntu 20.04 LTS", "Ubuntu 22.04 LTS", "Ubuntu 24.04 LTS"),
    "Rocky Linux": ("Rocky Linux 8", "Rocky Linux 9"),
    "Windows": ("Windows Server 2019 (64-bit)", "Windows Server 2022 (64-bit)"),
    "Other": ("Other Linux (64-bit)", "Other (64-bit)", "Other PV (64-bit)", "None"),
}

#: What a template gets when no ostypeid is given.
DEFAULT_OS_TYPE = "Other Linux (64-bit)"


def seed(store: Store, directory: LabDirectory, uri: str) -> None:
    """Fill a new store, inside the transaction that makes it; `uri` is the libvirt to use (""
    makes one of the lab's own)."""
    created = now()
    store.insert("lab", uuid=new_uuid(), created=created)
    store.insert("domain", id=ROOT_DOMAIN, uuid=new_uuid(), name="ROOT", path="ROOT")
    for number, name in ((SYSTEM_ACCOUNT, "system"), (ADMIN_ACCOUNT, "admin")):
        store.insert(
            "account", id=number, uuid=new_uuid(), account_name=name, domain_id=ROOT_DOMAIN
        )
    zone = store.insert(
        "data_center",
        uuid=new_uuid(),
        name="lab",
        description="the lab on this machine",
        dns1="10.1.1.3",
        internal_dns1="10.1.1.3",
    )
    pod = store.insert("host_pod_ref", uuid=new_uuid(), name="lab-pod", data_center_id=zone)
    cluster = store.insert("cluster", uuid=new_uuid(), name="lab-cluster", pod_id=pod)
    host = store.insert(
        "host",
        uuid=new_uuid(),
        name=os.uname().nodename,
        data_center_id=zone,
        pod_id=pod,
        cluster_id=cluster,
        url=uri or EMBEDDED,
        cpus=os.cpu_count() or 1,
        speed=_cpu_speed(),
        ram=_memory(),
        created=created,
    )
    store.insert(
        "storage_pool",
        uuid=new_uuid(),
        name=f"{os.uname().nodename}-local",
        data_center_id=zone,
        host_id=host,
        path=str(directory.pool),
        created=created,
    )
    _network(store, zone, created)
    _offerings(store, created)
    for category, types in OS_TYPES.items():
        number = store.insert("guest_os_category", uuid=new_uuid(), name=category)
        for name in types:
            store.insert("guest_os", uuid=new_uuid(), display_name=name, category_id=number)


def _network(store: Store, zone: int, created: str) -> None:
    """The network that is for all, and the router that has it."""
    store.insert(
        "networks",
        uuid=new_uuid(),
        name="lab-network",
        display_text="for all accounts: guests reach out, and each other",
        data_center_id=zone,
        account_id=ADMIN_ACCOUNT,
        cidr="10.0.2.0/24",
        gateway="10.0.2.2",
        created=created,
    )
    store.insert(
        "router", id=1, uuid=new_uuid(), name="r-1-VM", data_center_id=zone, created=created
    )


def _offerings(store: Store, created: str) -> None:
    for name, text, cpus, mhz, mib in SERVICE_OFFERINGS:
        store.insert(
            "service_offering",
            uuid=new_uuid(),
            name=name,
            display_text=text,
            cpu=cpus,
            speed=mhz,
            ram_size=mib,
            created=created,
        )
    for name, text, gib in DISK_OFFERINGS:
        store.insert(
            "disk_offering",
            uuid=new_uuid(),
            name=name,
            display_text=text,
            disk_size=gib << 30,
            created=created,
        )


def _cpu_speed() -> int:
    """MHz of this machine's first CPU, 1000 where it does not tell."""
    try:
        found = re.search(r"^cpu MHz\s*:\s*(\d+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return 1000
    return int(found[1]) if found else 1000


def _memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
