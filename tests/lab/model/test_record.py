"""Rows as objects, and the one look-up by id."""

from __future__ import annotations

import pytest

from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.engine import run
from cmk.lab.model.account import ROOT_DOMAIN, Account
from cmk.lab.model.host import Host, HostState
from cmk.lab.model.machine import Machine
from cmk.lab.model.place import Zone
from cmk.lab.store import new_uuid
from tests.lab.conftest import Things


def another(things: Things) -> Call:
    """A call by an account that is no admin."""
    account = Account.add(things.store, account_name="ann", domain_id=ROOT_DOMAIN, role_id=4)
    return Call(things.call.lab, account, things.told.append)


def deleted_zone(things: Things) -> Zone:
    zone = Zone.add(things.store, name="old", dns1="1.1.1.1", internal_dns1="1.1.1.1")
    zone.remove(things.store)
    return zone


def test_a_record_is_what_was_read(things: Things) -> None:
    with pytest.raises(AttributeError):
        things.host.name = "other"
    things.host.update(things.store, name="other")
    assert things.host.name != "other"
    assert things.host.again(things.store).name == "other"


def test_a_state_is_one_of_its_words(things: Things) -> None:
    assert things.host.status is HostState.UP
    assert f"{things.host.status}" == "Up"
    things.host.update(things.store, status="Sideways")
    with pytest.raises(ValueError, match="Sideways"):
        things.host.again(things.store)


def test_what_is_removed_is_not_found(things: Things) -> None:
    zone = deleted_zone(things)
    with pytest.raises(ApiError) as caught:
        things.call.find(Zone, zone.uuid, "zoneid")
    assert caught.value.errortext == f"There is no zone with id {zone.uuid} (zoneid)."
    assert Zone.of(things.store, zone.id).removed  # who refers to it still can


def test_what_is_anothers_is_not_found_and_not_listed(things: Things) -> None:
    vm = things.vm(things.template())
    assert things.call.find(Machine, vm.uuid).id == vm.id
    other = another(things)
    with pytest.raises(ApiError):
        other.find(Machine, vm.uuid)
    for api in ("listVirtualMachines", "listEvents", "listAsyncJobs"):
        assert next(iter(run(other, api, {}).values())) == {}
    assert other.find(Host, things.host.uuid).id == things.host.id  # nobody's in particular


def test_a_vm_an_image_store_and_a_certificate_cannot_be_in_a_deleted_zone(things: Things) -> None:
    zone, template = deleted_zone(things), things.template()
    offering = things.store.value("SELECT uuid FROM service_offering")
    for api, params in (
        ("deployVirtualMachine", {"templateid": template.uuid, "serviceofferingid": offering}),
        ("addImageStore", {"provider": "Directory", "url": "file:///tmp"}),
        (
            "uploadTemplateDirectDownloadCertificate",
            {"certificate": "x", "name": "ca", "hypervisor": "KVM"},
        ),
    ):
        with pytest.raises(ApiError) as caught:
            run(things.call, api, {**params, "zoneid": zone.uuid})
        assert caught.value.errorcode in (431, 530), api
    assert things.store.value("SELECT count(*) FROM vm_instance") == 0
    assert things.store.value("SELECT count(*) FROM image_store") == 0


def test_an_id_that_is_nothings_names_its_parameter(things: Things) -> None:
    with pytest.raises(ApiError, match=r"There is no VM with id .* \(virtualmachineid\)"):
        things.call.find(Machine, new_uuid(), "virtualmachineid")
