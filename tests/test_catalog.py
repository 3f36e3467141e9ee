"""Finding APIs by name, and what the lab's own catalog promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cmk.catalog import Api, Catalog, verb_and_noun
from cmk.catalog.index import OF_LAB, lab, shipped
from cmk.errors import UsageError
from cmk.lab.declaration import HANDLERS
from cmk.lab.nouns import APIS as BY_MODULE
from cmk.lab.nouns import handler_of
from cmk.lab.worker import OUTCOMES

APIS = [api for name in lab().names() if (api := lab().described(name))]
#: Names and types of CloudStack 4.22's catalog, for the APIs that a lab has or will have.
KNOWN = json.loads((Path(__file__).parent / "data/apis-4.22.json").read_text())

#: Where the lab is not CloudStack, on purpose: APIs, fields and parameters that only the lab has,
#: APIs that answer with a job here only, and what need not be said here.
LAB_ONLY = {"cancelAsyncJob", "listTemplateSpoolRefs"}
LAB_ONLY_FIELDS = {
    "queryAsyncJobResult": {"progress", "warnings"},
    "listAsyncJobs": {"progress", "warnings"},
    "listApis": {"labonly", "deviation"},
    "configureSimulator": {"code", "command", "created", "text", "used", "wait"},
    "querySimulatorMock": {"code", "command", "created", "text", "used", "wait"},
    # The catalog tells a project's fields here; a real server answers with a member's.
    "listProjectAccounts": {"account", "accountid", "accounttype", "project", "projectid", "role"},
}
LAB_ONLY_PARAMS = {
    "addHost": {"details"},
    "configureSimulator": {"command"},
    "prepareHostForMaintenance": {"forced"},
    "prepareTemplate": {"refresh"},
    "updateHost": {"details"},
}
LAB_ASYNC = {"prepareTemplate"}
#: Jobs that have ended when they are told of.
DONE_AT_ONCE = {
    "activateProject",
    "addAccountToProject",
    "createAffinityGroup",
    "createNetworkACLList",
    "createProject",
    "createTags",
    "deleteTags",
    "deleteNetworkACLList",
    "deleteAffinityGroup",
    "deleteAccountFromProject",
    "disableUser",
    "resetPasswordForVirtualMachine",
    "resetSSHKeyForVirtualMachine",
    "suspendProject",
    "updateDefaultNicForVirtualMachine",
    "updateNetworkACLList",
    "updateProject",
    "updateVPC",
    "updateVMAffinityGroup",
    "updateVmNicIp",
}


def test_the_labs_shipped_catalog_is_what_its_code_declares(tmp_path: Path) -> None:
    """Otherwise: scripts/catalog --lab."""
    script = Path(__file__).parents[1] / "scripts" / "catalog"
    fresh = tmp_path / "lab.index"
    subprocess.run([sys.executable, script, "--lab", fresh], check=True, capture_output=True)
    assert Path(OF_LAB).read_bytes() == fresh.read_bytes()


@pytest.mark.parametrize("module", BY_MODULE)
def test_each_api_is_in_the_module_that_the_table_names(module: str) -> None:
    names = {name.lower() for name in BY_MODULE[module].split()}
    for name in names:
        handler_of(name)
    declared = {
        name
        for name, handler in HANDLERS.items()
        if handler.run.__module__ == f"cmk.lab.nouns.{module}"
    }
    assert declared <= names


def test_every_job_has_an_outcome() -> None:
    jobs = {name for name in lab().names() if handler_of(name).isasync}
    assert set(OUTCOMES) == jobs - DONE_AT_ONCE | {"registerTemplate", "registerIso"}


def test_cloudstacks_shipped_catalog_knows_what_each_api_answers_with() -> None:
    api = shipped().described("listZones")
    assert api is not None
    assert {field.name: field.type for field in api.fields}["localstorageenabled"] == "boolean"


@pytest.mark.parametrize(
    ("name", "verb", "noun"),
    [
        ("listZones", "list", "zones"),
        ("prepareHostForMaintenance", "prepare", "hostformaintenance"),
        ("queryAsyncJobResult", "query", "asyncjobresult"),
        ("login", "login", ""),
    ],
)
def test_the_verb_is_the_leading_lower_case_run(name: str, verb: str, noun: str) -> None:
    assert verb_and_noun(name) == (verb, noun)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("list", "vm"), "listVirtualMachines"),
        (("list", "VMs"), "listVirtualMachines"),
        (("deploy", "vm"), "deployVirtualMachine"),
        (("listvms",), "listVirtualMachines"),
        (("list", "ip"), "listPublicIpAddresses"),
        (("associate", "ip"), "associateIpAddress"),
        (("list", "sg"), "listSecurityGroups"),
        (("list", "so"), "listServiceOfferings"),
        (("list", "isos"), "listIsos"),
        (("attach", "iso"), "attachIso"),
        (("update", "config"), "updateConfiguration"),
    ],
)
def test_short_words_stand_for_the_nouns_that_are_typed_most(
    words: tuple[str, ...], name: str
) -> None:
    assert shipped().find(words).name == name


def test_a_short_word_is_no_other_noun() -> None:
    for words in (("list", "so", "x"), ("vm",), ("list", "vmm"), ("s",)):
        with pytest.raises(UsageError):
            shipped().find(words)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("list", "zone"), "Did you mean 'list zones'?"),
        (("lits", "zones"), "Did you mean 'list zones'?"),
        (("listzone",), "Did you mean 'list zones'?"),
        (("list", "instances"), "Did you mean 'list virtualmachines'?"),
        (("deploy", "instance"), "Did you mean 'deploy virtualmachine'?"),
        (("create", "vm"), "Did you mean 'deploy virtualmachine'?"),
        (("restart", "virtualmachine"), "Did you mean 'reboot virtualmachine'?"),
        (("remove", "template"), "Did you mean 'delete template'?"),
        (("list", "nothing"), "All of them: cmk help list"),
        (("start", "virtualmachine", "web1"), "By its name: start virtualmachine id=name:web1"),
        (("xyzzy",), "All of them: cmk help"),
        (("start",), "One of: router, virtualmachine"),
    ],
)
def test_a_command_that_is_not_there_comes_with_what_was_perhaps_meant(
    words: tuple[str, ...], hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        lab().find(words)
    assert caught.value.hint == hint


def test_an_api_is_found_in_any_case() -> None:
    catalog = Catalog([Api("listZones")])
    for words in (("list", "zones"), ("LIST", "Zones"), ("listzones",), ("listZones",)):
        assert catalog.find(words).name == "listZones"


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_every_parameter_and_field_of_the_lab_is_one_of_cloudstack_or_listed(api: Api) -> None:
    if api.name in LAB_ONLY:
        assert api.name not in KNOWN
        return
    known = KNOWN[api.name]
    assert api.isasync == known["isasync"] or api.name in LAB_ASYNC
    own = LAB_ONLY_PARAMS.get(api.name, set())
    theirs = {param.name: param.type for param in api.params if param.name not in own}
    assert theirs.items() <= known["params"].items()
    more = LAB_ONLY_FIELDS.get(api.name, set())
    fields = {field.name: field.type for field in api.fields if field.name not in more}
    assert fields.items() <= known["response"].items()
    assert all(f"The lab alone has: {', '.join(sorted(own))}." in api.note for _ in own)


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_what_cloudstack_requires_the_lab_requires_too_or_says_that_it_does_not(api: Api) -> None:
    required = {param.name for param in api.params if param.required}
    missing = set(KNOWN.get(api.name, {"required": []})["required"]) - required
    assert not missing


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_every_api_and_every_parameter_says_what_it_is(api: Api) -> None:
    assert api.description
    assert all(param.description for param in api.params)
    assert all(field.description for field in api.fields)
    assert api.fields


def test_what_a_labs_api_lacks_of_cloudstacks_is_told() -> None:
    api = lab().described("deployVirtualMachine")
    assert api is not None
    assert "The lab has not: " in api.note
    assert " snapshotid," in api.note


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("destory", "vm"), "Did you mean 'destroy vm'?"),
        (("lisst", "vms"), "Did you mean 'list vms'?"),
        (("deply", "vm"), "Did you mean 'deploy vm'?"),
        (("stop", "vmm"), "Did you mean 'stop vm'?"),
    ],
)
def test_short_words_are_guessed_too(words: tuple[str, ...], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        shipped().find(words)
    assert caught.value.hint == hint
