"""SSH key pairs: the public halves are kept, for guests that are to let them in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job, listing
from cmk.lab.events import record
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.key_pair import KeyPair
from cmk.lab.model.machine import OFF, Machine
from cmk.lab.noun import Args, Noun
from cmk.lab.nouns.guest_access import keys_of
from cmk.lab.nouns.virtual_machine import MACHINE, refuse_busy
from cmk.lab.ownership import OWNER, owner_of_new
from cmk.wire.faults import invalid, malformed, nobody, of_extra

KEY_PAIR = Noun(
    "sshkeypair",
    "listSSHKeyPairs",
    "ssh_keypair_view",
    "id name account domain domainid project projectid fingerprint",
    is_owned=True,
)

#: What a made or registered pair is called in the answer.
_ONE = "keypair"

listing(
    KEY_PAIR,
    "key pairs",
    "id name",
    """
    fingerprint: the key pair with this fingerprint
""",
)

_PUBLIC = re.compile(
    r"(ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+) ([A-Za-z0-9+/=]+)( [^\n]*)?\Z"
)


def _add(call: Call, owner: Account, name: str, public: str) -> KeyPair:
    if not re.fullmatch(r"[^,\x00-\x1f]{1,255}", name):
        raise malformed("The name of a key pair has no comma, and no control characters.")
    if KeyPair.is_taken(call.store, name, account_id=owner.id):
        raise invalid(f"There is a key pair {name} already.")
    found = KeyPair.add(
        call.store,
        account_id=owner.id,
        name=name,
        fingerprint=fingerprint(public),
        public_key=public,
    )
    record(call, "REGISTER.SSH.KEYPAIR", f"Keeps the key pair {name}", found)
    return found


def fingerprint(public: str) -> str:
    """The MD5 of a public key, as CloudStack tells it. Raises ApiError 431 for what is none."""
    found = _PUBLIC.match(public)
    try:
        body = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        body = b""
    if found is None or found[1].encode() not in body[:64]:
        raise malformed("publickey is one line as ssh-keygen writes it: ssh-ed25519 AAAA… name")
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return ":".join(digest[place : place + 2] for place in range(0, 32, 2))


@api("id name account domain domainid project projectid fingerprint", more=OWNER)
def register_ssh_key_pair(call: Call, args: Args) -> Json:
    """Keeps the public half of a key pair, for VMs that are to let it in.

    name*: its name
    publickey*: the public key, a line as of ~/.ssh/id_ed25519.pub
    """
    owner = owner_of_new(call, args)
    found = _add(call, owner, args["name"], args["publickey"].strip())
    return {_ONE: KEY_PAIR.one(call, found.uuid)}


@api("id name account domain domainid project projectid fingerprint privatekey", more=OWNER)
def create_ssh_key_pair(call: Call, args: Args) -> Json:
    """Makes a key pair, and shows its private half this once.

    name*: its name
    """
    with of_extra("Key pairs", "cryptography"):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

    owner = owner_of_new(call, args)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    found = _add(call, owner, args["name"], public.decode())
    return {_ONE: {**KEY_PAIR.one(call, found.uuid), "privatekey": private.decode()}}


@api(DONE, more=OWNER)
def delete_ssh_key_pair(call: Call, args: Args) -> Json:
    """Forgets a key pair; VMs that let it in go on to do so.

    name*: its name
    """
    owner = owner_of_new(call, args)
    found = KeyPair.first(call.store, account_id=owner.id, name=args["name"])
    if found is None:
        raise nobody(f"There is no key pair {args['name']} of the account {owner.account_name}.")
    found.delete(call.store)
    return {"success": True}


@job(MACHINE, more=OWNER)
def reset_ssh_key_for_virtual_machine(call: Call, args: Args) -> Task:
    """Changes the key pairs that a stopped VM lets in, when its guest next asks for them.

    id*: the VM
    keypair: the key pair
    keypairs: the same for several
    """
    vm = call.find(Machine, args["id"])
    refuse_busy(call, vm)
    if vm.state not in OFF:
        raise invalid(f"{vm.name} is {vm.state}; stop it first.")
    if not (args.get("keypair") or args.get("keypairs")):
        raise malformed("resetSSHKeyForVirtualMachine needs keypair or keypairs.")
    vm.update(call.store, **keys_of(call, args, Account.of(call.store, vm.account_id)))
    return Task(vm, answer=MACHINE.answer(call, vm))
