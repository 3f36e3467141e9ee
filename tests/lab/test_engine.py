"""From a call to its handler: parameters, refusals, envelopes, and what is queued."""

from __future__ import annotations

import os

import pytest

from cmk.errors import ApiError
from cmk.lab.directory import try_hold
from cmk.lab.engine import run
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.place import Zone
from tests.lab.conftest import Things


def test_a_reply_is_in_its_envelope_whatever_the_case_of_the_name(things: Things) -> None:
    reply = run(things.call, "LISTZONES", {"NAME": "lab"})
    assert reply["listzonesresponse"]["count"] == 1


def test_a_list_of_nothing_is_empty(things: Things) -> None:
    assert run(things.call, "listZones", {"name": "nowhere"}) == {"listzonesresponse": {}}


@pytest.mark.parametrize(
    ("api", "params", "code", "said"),
    [
        ("listNothing", {}, 432, "The lab has no API listNothing."),
        ("listZones", {"colour": "red"}, 431, "listZones has no parameter colour."),
        ("listZones", {"available": "perhaps"}, 431, "is not boolean"),
        ("listZones", {"page": "1"}, 431, "page and pagesize go together"),
        ("listZones", {"page": "1", "pagesize": "0"}, 431, "counts from 1"),
        ("createZone", {"name": "x"}, 431, "createZone needs dns1."),
    ],
)
def test_what_cannot_be_is_refused_with_cloudstacks_code(
    things: Things, api: str, params: dict[str, str], code: int, said: str
) -> None:
    with pytest.raises(ApiError) as caught:
        run(things.call, api, params)
    assert caught.value.errorcode == code
    assert said in caught.value.errortext


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"checksum": "{CRC32}00000000"}, "CRC32 is not supported"),
        ({"url": "gopher://h/x.qcow2"}, "scheme 'gopher' is not supported"),
        ({"details[0].HTTP_HEADER:a b": "x"}, "'a b' is no name of a request header"),
    ],
)
def test_what_cannot_be_an_images_is_a_wrong_parameter(
    things: Things, more: dict[str, str], said: str
) -> None:
    params = {
        "name": "x",
        "url": "http://127.0.0.1:1/x.qcow2",
        "format": "QCOW2",
        "hypervisor": "KVM",
        "directdownload": "true",
        "zoneid": Zone.there(things.store)[0].uuid,
        **more,
    }
    with pytest.raises(ApiError) as caught:
        run(things.call, "registerTemplate", params)
    assert caught.value.errorcode == 431
    assert said in caught.value.errortext


def test_pages_are_made_in_the_database_and_counted_whole(things: Things) -> None:
    for number in range(5):
        things.template(f"t{number}")
    params = {"templatefilter": "all", "page": "2", "pagesize": "2"}
    reply = run(things.call, "listTemplates", params)["listtemplatesresponse"]
    assert reply["count"] == 5
    assert [row["name"] for row in reply["template"]] == ["t2", "t3"]


def test_ids_and_keyword_choose_rows(things: Things) -> None:
    made = [things.template(name) for name in ("debian", "ubuntu", "alpine")]
    ids = f"{made[0].uuid.upper()}, {made[2].uuid}"
    for params, names in (({"ids": ids}, ["debian", "alpine"]), ({"keyword": "BUN"}, ["ubuntu"])):
        reply = run(things.call, "listTemplates", {"templatefilter": "all", **params})
        assert [row["name"] for row in reply["listtemplatesresponse"]["template"]] == names


def test_what_a_removed_zone_had_is_not_registered_with_all_zones(things: Things) -> None:
    old = Zone.add(things.store, name="old", dns1="1.1.1.1", internal_dns1="1.1.1.1")
    old.remove(things.store)
    source = things.call.lab.directory.path / "x.raw"
    source.write_bytes(bytes(1 << 20))
    params = {
        "name": "x",
        "url": source.as_uri(),
        "format": "RAW",
        "hypervisor": "KVM",
        "directdownload": "true",
        "zoneid": "-1",
    }
    reply = run(things.call, "registerTemplate", params)["registertemplateresponse"]
    assert [row["zonename"] for row in reply["template"]] == ["lab"]
    with pytest.raises(ApiError, match="There is no zone"):
        run(things.call, "registerTemplate", {**params, "zoneid": old.uuid})


def test_a_job_and_what_it_is_about_are_written_together(things: Things) -> None:
    template = things.template()
    offering = things.store.value("SELECT uuid FROM service_offering")
    jobs = things.call.lab.directory.jobs
    slots = [try_hold(jobs / f"worker.{number}") for number in range(4)]  # all workers are busy
    params = {
        "zoneid": Zone.there(things.store)[0].uuid,
        "templateid": template.uuid,
        "serviceofferingid": offering,
        "startvm": "false",
    }
    with things.store.change():  # so that no worker sees it
        reply = run(things.call, "deployVirtualMachine", params)
        [job] = AsyncJob.there(things.store)
        assert reply == {
            "deployvirtualmachineresponse": {"id": job.instance_uuid, "jobid": job.uuid}
        }
        assert job.instance_type == "VirtualMachine"
        things.store.execute("DELETE FROM async_job")
    for slot in slots:
        os.close(slot or 0)
