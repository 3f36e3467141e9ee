"""The disk that tells a guest at its first boot who it is, in cloud-init's NoCloud form: for images
that ask no router, and for hosts that have none."""

from __future__ import annotations

import base64
import io
import json

from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.lab_key import public_key
from cmk.lab.hosts.router import keys_of
from cmk.lab.model.machine import Machine
from cmk.lab.model.pool import Pool
from cmk.lab.store import Store

#: cloud-init looks for a file system of this name.
LABEL = "cidata"


def name_of(vm: Machine) -> str:
    """The file's name in the pool."""
    return f"{vm.uuid}-seed"


def give_seed(host: OpenHost, pool: Pool, vm: Machine) -> str:
    """Put the disk into the pool as the VM is now; its path there, "" for one that needs none."""
    if not needs_seed(host.lab.store, vm):
        return ""
    from cmk.lab.libvirt import storage

    body = iso9660(files_of(vm, public_key(host.lab.directory)))
    with host.pool(pool) as place:
        storage.write(host.connection, place, name_of(vm), body)
    return f"{pool.path}/{name_of(vm)}"


def needs_seed(store: Store, vm: Machine) -> bool:
    """Whether a VM has anything to be told, or an image that asks."""
    template = vm.template(store)
    asks = template.enable_sshkey or template.enable_password
    return bool(asks or vm.user_data or vm.public_keys)


def files_of(vm: Machine, lab_key: str) -> dict[str, bytes]:
    """What the disk has in it, by name."""
    meta = {
        "instance-id": vm.uuid,
        "local-hostname": vm.name,
        "public-keys": keys_of(vm, lab_key),
        **json.loads(vm.user_data_details or "{}"),
    }
    user_data = base64.b64decode(vm.user_data or "")
    # YAML holds JSON; vendor data is what user data can go against.
    vendor = "#cloud-config\n" + json.dumps(_password(vm)) + "\n"
    return {
        "meta-data": json.dumps(meta).encode() + b"\n",
        "user-data": user_data or b"#cloud-config\n{}\n",
        "vendor-data": vendor.encode(),
    }


def _password(vm: Machine) -> dict[str, object]:
    if not vm.new_password:
        return {}
    return {"password": vm.new_password, "chpasswd": {"expire": False}, "ssh_pwauth": True}


def iso9660(files: dict[str, bytes]) -> bytes:
    """A file system with these files, by their names as Rock Ridge and Joliet have them."""
    from pycdlib import PyCdlib

    disk = PyCdlib()
    disk.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for name, body in files.items():
        short = name.upper().replace("-", "_")[:8]
        disk.add_fp(
            io.BytesIO(body), len(body), f"/{short}.;1", rr_name=name, joliet_path=f"/{name}"
        )
    out = io.BytesIO()
    disk.write_fp(out)
    disk.close()
    return out.getvalue()
