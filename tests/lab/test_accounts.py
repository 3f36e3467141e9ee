"""Accounts, domains, roles, limits, projects: who sees what, touches what, and gets how much."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.engine import run
from cmk.lab.model.account import Account, AccountState, Domain
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.template import Template
from cmk.lab.model.user import User
from cmk.lab.settings import PRIVATE
from cmk.lab.works import removal
from cmk.lab.works.order import order
from cmk.wire.envelope import content as content_of
from tests.lab.conftest import Things

NAMES = {"firstname": "F", "lastname": "L", "email": "e@x.y", "password": "secret"}


class People:
    """A lab with a domain `sales` and one below it, an admin there, and users in and beside it."""

    def __init__(self, things: Things) -> None:
        self.things, self.store, self.root = things, things.store, things.call
        sales = self.ask(self.root, "createDomain", name="sales")["domain"]["id"]
        east = self.ask(self.root, "createDomain", name="east", parentdomainid=sales)
        self.sales, self.east = sales, east["domain"]["id"]
        self.boss = self.account("boss", self.sales, accounttype="2")
        self.ann = self.account("ann", self.sales)
        self.eve = self.account("eve", self.east)
        self.out = self.account("out", "")

    def account(self, name: str, domain: str, **more: str) -> Call:
        """A new account of this name; a call by it."""
        place = {"domainid": domain} if domain else {}
        told = self.ask(self.root, "createAccount", username=name, **NAMES, **place, **more)
        account = Account.known(self.store, told["account"]["id"])
        assert account is not None
        return Call(self.things.call.lab, account, self.things.told.append)

    def ask(self, call: Call, api: str, **params: str) -> Any:
        reply = content_of(run(call, api, params))
        if "jobid" in reply and api != "queryAsyncJobResult":
            job = AsyncJob.known(self.store, reply["jobid"])
            assert job is not None
            if job.is_ended:
                row = self.store.value("SELECT job_result FROM async_job WHERE id = ?", job.id)
                return {"status": job.job_status, **json.loads(row)}
        return reply

    def vm(self, owner: Call, name: str, state: MachineState = MachineState.STOPPED) -> Machine:
        template = Template.there(self.store)
        made = template[0] if template else self.things.template()
        return self.things.vm(made, name, state, account_id=owner.caller.id)

    def names(self, call: Call, api: str = "listVirtualMachines", **params: str) -> set[str]:
        reply = self.ask(call, api, **params)
        [rows] = [value for key, value in reply.items() if key != "count"] or [[]]
        return {row.get("name") or row.get("username") for row in rows}


@pytest.fixture
def people(things: Things, monkeypatch: pytest.MonkeyPatch) -> People:
    """Their passwords are stretched by no more than tests need."""
    monkeypatch.setattr("cmk.lab.model.user._stretched", lambda text, salt: text.encode() + salt)
    return People(things)


def refused(code: int, cscode: int) -> Any:
    class Refused:
        def __enter__(self) -> None: ...

        def __exit__(self, kind: Any, problem: Any, trace: Any) -> bool:
            assert isinstance(problem, ApiError), f"no refusal, but {problem!r}"
            assert (problem.errorcode, problem.cserrorcode) == (code, cscode), problem
            return True

    return Refused()


def test_an_account_has_its_first_user_its_role_and_its_domain(people: People) -> None:
    told = people.ask(people.root, "listAccounts", id=people.ann.caller.uuid)["account"][0]
    assert (told["name"], told["roletype"], told["accounttype"]) == ("ann", "User", 0)
    assert (told["domainpath"], told["state"]) == ("ROOT/sales", "enabled")
    assert [user["username"] for user in told["user"]] == ["ann"]
    assert (told["vmlimit"], told["vmtotal"], told["vmavailable"]) == ("20", 0, "20")
    assert "password" not in json.dumps(told)


@pytest.mark.parametrize(
    ("who", "params", "seen"),
    [
        ("ann", {}, {"a"}),
        ("ann", {"listall": "true"}, {"a"}),
        ("boss", {}, {"b"}),
        ("boss", {"listall": "true"}, {"a", "b", "e"}),
        ("boss", {"domainid": "{sales}"}, {"a", "b"}),
        ("boss", {"domainid": "{sales}", "isrecursive": "true"}, {"a", "b", "e"}),
        ("boss", {"account": "ann", "domainid": "{sales}"}, {"a"}),
        ("boss", {"account": "ann"}, {"a"}),
        ("root", {}, {"r"}),
        ("root", {"listall": "true"}, {"a", "b", "e", "o", "r"}),
        ("root", {"domainid": "{east}"}, {"e"}),
    ],
)
def test_a_list_shows_whose_things_it_may(
    people: People, who: str, params: dict[str, str], seen: set[str]
) -> None:
    for name, call in (("a", "ann"), ("b", "boss"), ("e", "eve"), ("o", "out"), ("r", "root")):
        people.vm(getattr(people, call), name)
    ids = {"{sales}": people.sales, "{east}": people.east}
    given = {key: ids.get(value, value) for key, value in params.items()}
    assert people.names(getattr(people, who), **given) == seen


def test_nobody_names_a_domain_or_an_account_beside_its_own(people: People) -> None:
    with refused(531, 4365):
        people.ask(people.eve, "listVirtualMachines", domainid=people.sales)
    with refused(531, 4365):
        people.ask(
            people.boss,
            "listVirtualMachines",
            domainid=people.root.caller.domain(people.store).uuid,
        )
    with refused(431, 4350):
        people.ask(people.boss, "listVirtualMachines", account="out")
    with refused(531, 4365):
        people.ask(people.ann, "listVirtualMachines", account="boss")


def test_what_is_anothers_is_touched_by_admins_over_it_alone(people: People) -> None:
    vm = people.vm(people.eve, "e")
    assert people.boss.find(Machine, vm.uuid).id == vm.id
    for call in (people.ann, people.out):
        with refused(531, 4365):
            people.ask(call, "destroyVirtualMachine", id=vm.uuid)
    assert people.names(people.ann, id=vm.uuid) == set()


@pytest.mark.parametrize(
    "api", ["createZone", "addHost", "listHosts", "createAccount", "listRoles"]
)
def test_a_user_has_no_apis_of_admins(people: People, api: str) -> None:
    with refused(432, 9999):
        people.ask(people.ann, api)
    assert people.ask(people.ann, "listApis", name=api) == {}


def test_a_domain_admin_makes_accounts_in_its_domain_and_none_above_itself(people: People) -> None:
    told = people.ask(people.boss, "createAccount", username="new", **NAMES)
    assert told["account"]["domainpath"] == "ROOT/sales"
    with refused(531, 4365):
        people.ask(people.boss, "createAccount", username="king", accounttype="1", **NAMES)
    with refused(531, 4365):
        root = Domain.of(people.store, 1).uuid
        people.ask(people.boss, "createAccount", username="x", domainid=root, **NAMES)
    with refused(431, 4350):
        people.ask(people.boss, "createAccount", username="new", **NAMES)


def test_templates_are_shown_by_their_filter_and_used_by_who_may(people: People) -> None:
    mine = people.things.template("mine", account_id=people.ann.caller.id)
    people.things.template("public", public=1)
    people.things.template("featured", public=1, featured=1)
    other = people.things.template("other")

    def seen(which: str, call: Call = people.ann) -> set[str]:
        return people.names(call, "listTemplates", templatefilter=which)

    assert seen("self") == {"mine"}
    assert seen("featured") == {"featured"}
    assert seen("community") == {"public"}
    assert seen("executable") == {"mine", "public", "featured"}
    assert seen("sharedexecutable") == set()
    assert seen("all", people.root) == {"mine", "public", "featured", "other"}
    people.ask(people.root, "updateTemplatePermissions", id=other.uuid, op="add", accounts="out")
    assert seen("sharedexecutable", people.out) == {"other"}
    assert people.out.use(Template, other.uuid).id == other.id
    told = people.ask(people.root, "listTemplatePermissions", id=other.uuid)
    assert told["templatepermission"]["account"] == ["out"]
    for call in (people.ann, people.out):
        with refused(531, 4365):
            people.ask(call, "deleteTemplate", id=other.uuid)
    people.ask(people.root, "updateTemplatePermissions", id=other.uuid, op="reset")
    assert seen("sharedexecutable", people.out) == set()
    with refused(431, 4350):
        people.ask(people.ann, "updateTemplatePermissions", id=mine.uuid, isfeatured="true")


def deploy(people: People, call: Call, **more: str) -> Any:
    template = people.things.template("t", public=1)
    first = {
        "zoneid": people.store.value("SELECT uuid FROM data_center"),
        "templateid": template.uuid,
        "serviceofferingid": people.store.value("SELECT uuid FROM service_offering ORDER BY id"),
    }
    return people.ask(call, "deployVirtualMachine", **first, **more)


@pytest.mark.parametrize(
    ("type", "most"), [("0", "1"), ("2", "1"), ("8", "1"), ("9", "256"), ("10", "1")]
)
def test_a_limit_is_told_and_kept(
    people: People, type: str, most: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmk.lab.engine.hire", lambda lab: None)
    whose = {"account": "ann", "domainid": people.sales}
    set_to = people.ask(people.root, "updateResourceLimit", resourcetype=type, max=most, **whose)
    assert set_to["resourcelimit"]["max"] == int(most)
    deploy(people, people.ann, name="one")
    with refused(535, 4370):
        deploy(people, people.ann, name="two")
    [told] = people.ask(people.ann, "listResourceLimits", resourcetype=type)["resourcelimit"]
    assert (told["account"], told["max"]) == ("ann", int(most))


def test_a_domains_limit_is_for_all_below_it(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmk.lab.engine.hire", lambda lab: None)
    place = {"domainid": people.sales}
    people.ask(people.root, "updateResourceLimit", resourcetype="0", max="1", **place)
    deploy(people, people.eve, name="one")
    with refused(535, 4370):
        deploy(people, people.ann, name="two")
    deploy(people, people.out, name="three")
    deploy(people, people.root, name="four", account="out")
    assert people.names(people.out) == {"three", "four"}


def test_a_project_is_its_members(people: People) -> None:
    made = people.ask(people.ann, "createProject", name="p")
    project = made["project"]["id"]
    assert made["project"]["owner"] == [{"account": "ann"}]
    vm = people.things.template("t2", public=1)
    account = people.store.value("SELECT project_account_id FROM projects")
    machine = people.things.vm(vm, "inside", account_id=account)
    assert people.names(people.ann) == set()
    assert people.names(people.ann, projectid=project) == {"inside"}
    assert people.names(people.ann, projectid="-1") == {"inside"}
    [shown] = people.ask(people.ann, "listVirtualMachines", id=machine.uuid)["virtualmachine"]
    assert (shown["project"], "account" in shown) == ("p", False)
    new = people.account("new", people.sales)
    with refused(531, 4365):
        people.names(new, projectid=project)
    added = people.ask(people.ann, "addAccountToProject", projectid=project, account="new")
    assert added["status"] == AsyncJob.SUCCEEDED
    assert people.names(new, projectid=project) == {"inside"}
    with refused(531, 4365):
        people.ask(new, "deleteProject", id=project)
    people.ask(people.ann, "deleteAccountFromProject", projectid=project, account="new")
    with refused(531, 4365):
        people.names(new, projectid=project)
    assert people.names(people.root, "listProjects", listall="true") == {"p"}
    assert people.names(people.out, "listProjects", listall="true") == set()


def test_users_are_renamed_disabled_and_deleted_and_keep_out(people: People) -> None:
    user = User.there(people.store, account_id=people.ann.caller.id)[0]
    people.ask(people.boss, "updateUser", id=user.uuid, username="anna", password="new")
    assert user.again(people.store).has_password("new")
    with refused(431, 4350):
        people.ask(people.ann, "updateUser", id=user.uuid, password="mine", currentpassword="no")
    with refused(531, 4365):
        people.ask(people.out, "updateUser", id=user.uuid, firstname="X")
    keys = people.ask(people.ann, "registerUserKeys", id=user.uuid)["userkeys"]
    pair = (keys["apikey"], keys["secretkey"])
    assert User.with_keys(people.store, *pair)
    assert User.with_keys(people.store, pair[0], "wrong") is None
    assert people.ask(people.boss, "disableUser", id=user.uuid)["user"]["state"] == "disabled"
    assert User.with_keys(people.store, *pair) is None
    people.ask(people.boss, "enableUser", id=user.uuid)
    people.ask(people.boss, "lockAccount", account="ann", domainid=people.sales)
    assert User.with_keys(people.store, *pair) is None
    people.ask(people.boss, "enableAccount", account="ann", domainid=people.sales)
    assert User.with_keys(people.store, *pair)
    people.ask(people.boss, "deleteUser", id=user.uuid)
    assert people.names(people.boss, "listUsers", account="ann") == set()


def test_the_admin_stays(people: People) -> None:
    admin = User.admin(people.store)
    for api in ("deleteUser", "disableUser", "lockUser"):
        with refused(431, 4350):
            people.ask(people.root, api, id=admin.uuid)
    account = people.root.caller.uuid
    with refused(431, 4350):
        people.ask(people.root, "disableAccount", id=account, lock="true")
    assert people.ask(people.root, "deleteAccount", id=account)["errorcode"] == 530


def test_a_domain_is_renamed_with_all_below_it_and_deleted_when_it_is_empty(people: People) -> None:
    people.ask(people.root, "updateDomain", id=people.sales, name="trade")
    assert people.names(people.root, "listDomains") >= {"ROOT", "trade", "east"}
    assert people.names(people.boss, "listDomains") == {"trade"}
    listed = people.ask(people.root, "listDomains", listall="true")["domain"]
    assert [row["path"] for row in listed] == ["ROOT", "ROOT/trade", "ROOT/trade/east"]
    assert [row["level"] for row in listed] == [0, 1, 2]
    assert people.ask(people.root, "deleteDomain", id=people.sales)["errorcode"] == 530
    children = people.ask(people.root, "listDomainChildren", id=people.sales)["domain"]
    assert [row["name"] for row in children] == ["east"]
    assert people.names(people.boss, "listDomains", listall="true") == {"trade", "east"}


def test_an_account_goes_with_all_that_it_has(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmk.lab.engine.hire", lambda lab: None)
    people.things.template("mine", account_id=people.ann.caller.id)
    people.vm(people.ann, "a")
    people.ask(people.ann, "createProject", name="p")
    people.ask(people.boss, "deleteAccount", id=people.ann.caller.uuid)
    job = people.things.job(people.ann.caller, "deleteAccount")
    removal.remove_account(job)
    assert people.names(people.boss, listall="true") == set()
    assert people.names(people.root, "listTemplates", templatefilter="all") == set()
    assert people.names(people.root, "listProjects", listall="true") == set()
    assert User.called(people.store, "ann", people.ann.caller.domain_id) is None
    assert people.ann.caller.again(people.store).state is AccountState.DISABLED
    removal.remove_account(job)  # a worker that died takes it up again


def test_what_a_user_registers_comes_from_where_the_internet_is(people: People) -> None:
    params = {"format": "RAW", "hypervisor": "KVM", "directdownload": "true", "name": "x"}
    params["zoneid"] = people.store.value("SELECT uuid FROM data_center")
    with refused(531, 9999):
        people.ask(people.ann, "registerTemplate", url="file:///etc/x.raw", **params)
    own = people.things.template("own", account_id=people.ann.caller.id)
    theirs = people.things.template("theirs")
    assert order(people.store, own, "/p", "n", "", {})["limits"] == {"private": False}
    assert order(people.store, theirs, "/p", "n", "", {})["limits"] == {"private": True}
    people.store.set_configuration(PRIVATE, "true")
    assert order(people.store, own, "/p", "n", "", {})["limits"] == {"private": True}


def test_nobody_but_a_root_admin_is_above_one(people: People) -> None:
    king = people.account("king", people.sales, accounttype="1")
    user = User.there(people.store, account_id=king.caller.id)[0]
    calls: tuple[tuple[str, dict[str, str]], ...] = (
        ("getUserKeys", {"id": user.uuid}),
        ("updateUser", {"id": user.uuid, "password": "mine"}),
        ("lockUser", {"id": user.uuid}),
        ("deleteAccount", {"id": king.caller.uuid}),
        ("updateAccount", {"id": king.caller.uuid, "newname": "x"}),
        ("createUser", {"account": "king", "username": "x", **NAMES}),
        ("setupUserTwoFactorAuthentication", {"userid": user.uuid, "enable": "false"}),
        ("listVirtualMachines", {"account": "king"}),
    )
    for api, params in calls:
        with refused(531, 4365):
            people.ask(people.boss, api, **params)


def test_a_domain_admin_lifts_no_limit_of_its_own(people: People) -> None:
    owns: tuple[dict[str, str], ...] = ({}, {"domainid": people.sales}, {"account": "boss"})
    for whose in owns:
        with refused(531, 4365):
            people.ask(people.boss, "updateResourceLimit", resourcetype="0", max="-1", **whose)
    people.ask(people.boss, "updateResourceLimit", resourcetype="0", max="3", account="ann")


def test_what_comes_back_or_grows_counts_too(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmk.lab.engine.hire", lambda lab: None)
    one = people.vm(people.ann, "one")
    gone = people.vm(people.ann, "gone", MachineState.DESTROYED)
    whose = {"account": "ann", "domainid": people.sales}
    people.ask(people.root, "updateResourceLimit", resourcetype="0", max="1", **whose)
    with refused(535, 4370):
        people.ask(people.ann, "recoverVirtualMachine", id=gone.uuid)
    people.ask(people.root, "updateResourceLimit", resourcetype="10", max="8", **whose)
    large = people.things.template("large", public=1, size=150 << 30)
    with refused(535, 4370):
        people.ask(
            people.ann, "restoreVirtualMachine", virtualmachineid=one.uuid, templateid=large.uuid
        )


def test_a_project_stays_for_its_other_admins_and_has_one_always(people: People) -> None:
    project = people.ask(people.ann, "createProject", name="p")["project"]["id"]
    new = people.account("new", people.sales)
    people.ask(
        people.ann, "addAccountToProject", projectid=project, account="new", roletype="Admin"
    )
    removal.remove_account(people.things.job(new.caller, "deleteAccount"))
    assert people.names(people.ann, "listProjects") == {"p"}
    with refused(431, 4350):
        people.ask(people.ann, "deleteAccountFromProject", projectid=project, account="ann")
    with refused(531, 4365):
        people.ask(people.out, "listProjectAccounts", projectid=project)
    people.ask(people.ann, "suspendProject", id=project)
    with refused(431, 4350):
        deploy(people, people.ann, projectid=project)


def test_a_template_that_is_shared_with_a_project_is_for_its_members(people: People) -> None:
    project = people.ask(people.ann, "createProject", name="p")["project"]["id"]
    template = people.things.template("shared")
    people.ask(
        people.root, "updateTemplatePermissions", id=template.uuid, op="add", projectids=project
    )
    assert people.ann.use(Template, template.uuid).id == template.id
    with refused(531, 4365):
        people.out.use(Template, template.uuid)


def test_a_user_chooses_no_host_and_sees_none(people: People) -> None:
    vm = people.vm(people.ann, "a")
    vm.update(people.store, host_id=people.things.host.id, instance_name="i-1")
    [shown] = people.ask(people.ann, "listVirtualMachines")["virtualmachine"]
    assert not {"hostid", "hostname", "instancename"} & set(shown)
    with refused(431, 4350):
        deploy(people, people.ann, hostid=people.things.host.uuid)


@pytest.mark.parametrize(
    ("api", "params"),
    [
        ("listZones", {"page": "1", "pagesize": "9" * 20}),
        ("listAccounts", {"accounttype": "9" * 20}),
        ("listEvents", {"startdate": "0001-01-01T00:00:00+2300"}),
        ("updateAccount", {"id": "1", "newname": "x"}),
        ("disableAccount", {"id": "1", "lock": "false"}),
        ("deleteAccount", {"id": "1"}),
        ("configureSimulator", {"name": "cleanupSimulatorMock", "value": "result:fail"}),
    ],
)
def test_what_cannot_be_is_a_431_and_no_bug(
    people: People, api: str, params: dict[str, str]
) -> None:
    with pytest.raises(ApiError) as caught:
        people.ask(people.root, api, **params)
    assert caught.value.errorcode == 431
    assert people.ask(people.root, "listZones", page="9" * 18, pagesize="9" * 18) == {"count": 1}
