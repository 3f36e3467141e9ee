"""Removing accounts, domains and projects with all that is theirs."""

from __future__ import annotations

from cmk.lab.events import record
from cmk.lab.jobs import Job, Work
from cmk.lab.model import unused
from cmk.lab.model.account import Account, Domain, Project
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.template import Template
from cmk.lab.model.user import User
from cmk.lab.model.vpc import Vpc
from cmk.lab.works.collection import nothing_to_undo, remove_from_stores, remove_orphans
from cmk.lab.works.lifecycle import expunge_machine, stop_machine
from cmk.lab.works.routing import remove_all_of
from cmk.lab.works.vpc import remove_vpc


def remove_account(job: Job) -> None:
    """Remove the job's account, and what it has."""
    account = Account.of(job.store, job.instance_id)
    _empty(job, account)
    record(job.call, "ACCOUNT.DELETE", f"Deleted the account {account.account_name}", account)


def remove_domain(job: Job) -> None:
    """Remove the job's domain, those below it, and all accounts in them."""
    domain = Domain.of(job.store, job.instance_id)
    within = domain.below(job.store)
    for each in within:
        for account in Account.there(job.store, domain_id=each.id):
            _empty(job, account)
    for each in reversed(within):
        each.remove(job.store)
    record(job.call, "DOMAIN.DELETE", f"Deleted the domain {domain.path}", domain)


def remove_project(job: Job) -> None:
    """Remove the job's project, and what it has."""
    project = Project.of(job.store, job.instance_id)
    _end_project(job, project)
    record(job.call, "PROJECT.DELETE", f"Deleted the project {project.name}", project)


def disable_account(job: Job) -> None:
    """Stop the VMs of the job's account, if it may not even keep those running."""
    if not job.info["stop"]:
        return
    for vm in Machine.there(job.store, account_id=job.instance_id, state=MachineState.RUNNING):
        stop_machine(job, vm, forced=True)


def _empty(job: Job, account: Account) -> None:
    """Take all from an account, and the account too. What is done already is done for good: a job
    that is taken up again goes on behind it."""
    for project in Project.there(job.store):
        leads = project.role_of(job.store, account.id) == "Admin"
        if leads and not project.is_led_by_others(job.store, account.id):
            _end_project(job, project)
        project.dismiss(job.store, account.id)
    _take_all(job, account)
    for user in User.there(job.store, account_id=account.id):
        user.remove(job.store)
    account.remove(job.store)


def _take_all(job: Job, account: Account) -> None:
    for vm in Machine.there(job.store, account_id=account.id):
        expunge_machine(job, vm)
    remove_all_of(job, account)
    for vpc in Vpc.there(job.store, account_id=account.id):
        if not vpc.tiers(job.store):
            remove_vpc(job.store, vpc)
    for template in Template.there(job.store, account_id=account.id):
        with job.store.change():
            template.forbid(job.store)
            template.unregister_from(job.store, None)
    job.progress("Removing copies of templates")
    unused.forget_unregistered(job.store)
    remove_orphans(job.call)
    remove_from_stores(job.call)


def _end_project(job: Job, project: Project) -> None:
    account = Account.of(job.store, project.project_account_id)
    _take_all(job, account)
    with job.store.change():
        account.remove(job.store)
        project.remove(job.store)


REMOVE_ACCOUNT = Work(remove_account, nothing_to_undo)
REMOVE_DOMAIN = Work(remove_domain, nothing_to_undo)
REMOVE_PROJECT = Work(remove_project, nothing_to_undo)
DISABLE_ACCOUNT = Work(disable_account, nothing_to_undo)
