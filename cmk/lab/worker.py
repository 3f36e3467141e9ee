"""The process that runs jobs: `main()` with the lab's directory as its one argument."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from cmk.document import Json
from cmk.environment import Environment
from cmk.lab.jobs import Job, Outcome, run_all
from cmk.lab.lab import Lab
from cmk.lab.model.account import Account
from cmk.lab.model.host import Host
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import Network, Policy, PublicAddress, Router, Rule
from cmk.lab.model.pool import Pool
from cmk.lab.model.security_group import SecurityGroup
from cmk.lab.model.template import Template
from cmk.lab.model.vpc import AclItem, Vpc
from cmk.lab.noun import Noun
from cmk.lab.nouns.account import ACCOUNT
from cmk.lab.nouns.firewall import EGRESS, FIREWALL, FORWARDING
from cmk.lab.nouns.host import HOST
from cmk.lab.nouns.load_balancer import LOAD_BALANCER, policy_of
from cmk.lab.nouns.network import NETWORK
from cmk.lab.nouns.network_acl import ACL_ITEM
from cmk.lab.nouns.public_ip import PUBLIC_IP
from cmk.lab.nouns.router import ROUTER
from cmk.lab.nouns.security_group import authorized
from cmk.lab.nouns.storage_pool import STORAGE_POOL
from cmk.lab.nouns.template import ISO, TEMPLATE
from cmk.lab.nouns.virtual_machine import MACHINE
from cmk.lab.nouns.vpc import VPC
from cmk.lab.works import (
    attachment,
    collection,
    deployment,
    lifecycle,
    maintenance,
    plugging,
    preparation,
    removal,
    routing,
    secondary_storage,
    vpc,
)


def _machine(job: Job) -> Json:
    return MACHINE.answer(job.call, Machine.of(job.store, job.instance_id))


def _host(job: Job) -> Json:
    return HOST.answer(job.call, Host.of(job.store, job.instance_id))


def _pool(job: Job) -> Json:
    return STORAGE_POOL.answer(job.call, Pool.of(job.store, job.instance_id))


def _template(job: Job) -> Json:
    template = Template.of(job.store, job.instance_id)
    return (ISO if template.is_iso else TEMPLATE).listed(job.call, {"id": template.uuid})


def _deleted(job: Job) -> Json:
    template = Template.of(job.store, job.instance_id)
    kind = "ISO" if template.is_iso else "Template"
    return {"success": True, "displaytext": f"{kind} {template.name} is deleted"}


def _account(job: Job) -> Json:
    return ACCOUNT.answer(job.call, Account.of(job.store, job.instance_id))


def _public_ip(job: Job) -> Json:
    address = PublicAddress.of(job.store, job.instance_id)
    return {"ipaddress": PUBLIC_IP.one(job.call, address.uuid)}


def _network(job: Job) -> Json:
    return NETWORK.answer(job.call, Network.of(job.store, job.instance_id))


def _secondary(job: Job) -> Json:
    return {"nicsecondaryip": job.info["told"]}


def _group(job: Job) -> Json:
    group = SecurityGroup.of(job.store, job.instance_id)
    return authorized(job.call, group, job.info["rules"])


def _vpc(job: Job) -> Json:
    return VPC.answer(job.call, Vpc.of(job.store, job.instance_id))


def _item(job: Job) -> Json:
    return ACL_ITEM.answer(job.call, AclItem.of(job.store, job.instance_id))


def _router(job: Job) -> Json:
    return ROUTER.answer(job.call, Router.of(job.store, job.instance_id))


def _rule(noun: Noun) -> Callable[[Job], Json]:
    return lambda job: noun.answer(job.call, Rule.of(job.store, job.instance_id))


def _stickiness(job: Job) -> Json:
    return {"stickinesspolicies": policy_of(job.call, Policy.of(job.store, job.instance_id))}


def _health(job: Job) -> Json:
    return {"healthcheckpolicies": policy_of(job.call, Policy.of(job.store, job.instance_id))}


def _done(job: Job) -> Json:
    return {"success": True}


#: What is done for each API that answers with a job, or leaves one behind; and its answer then.
OUTCOMES = {
    "deployVirtualMachine": Outcome(deployment.DEPLOY, _machine),
    "startVirtualMachine": Outcome(deployment.START, _machine),
    "stopVirtualMachine": Outcome(lifecycle.STOP, _machine),
    "rebootVirtualMachine": Outcome(lifecycle.REBOOT, _machine),
    "destroyVirtualMachine": Outcome(lifecycle.DESTROY, _machine),
    "expungeVirtualMachine": Outcome(lifecycle.EXPUNGE, _done),
    "restoreVirtualMachine": Outcome(lifecycle.RESTORE, _machine),
    "attachIso": Outcome(attachment.ATTACH, _machine),
    "detachIso": Outcome(attachment.DETACH, _machine),
    "prepareTemplate": Outcome(preparation.PREPARE, _template),
    "registerTemplate": Outcome(secondary_storage.DOWNLOAD, _done),
    "registerIso": Outcome(secondary_storage.DOWNLOAD, _done),
    "deleteTemplate": Outcome(collection.DELETE, _deleted),
    "deleteIso": Outcome(collection.DELETE, _deleted),
    "disableAccount": Outcome(removal.DISABLE_ACCOUNT, _account),
    "deleteAccount": Outcome(removal.REMOVE_ACCOUNT, _done),
    "deleteDomain": Outcome(removal.REMOVE_DOMAIN, _done),
    "deleteProject": Outcome(removal.REMOVE_PROJECT, _done),
    "prepareHostForMaintenance": Outcome(maintenance.HOST_MAINTENANCE, _host),
    "cancelHostMaintenance": Outcome(maintenance.CANCEL_HOST_MAINTENANCE, _host),
    "associateIpAddress": Outcome(routing.TAKE_ADDRESS, _public_ip),
    "disassociateIpAddress": Outcome(routing.GIVE_BACK, _done),
    "disableStaticNat": Outcome(routing.END_STATIC_NAT, _done),
    "createFirewallRule": Outcome(routing.APPLY_RULE, _rule(FIREWALL)),
    "deleteFirewallRule": Outcome(routing.DROP_RULE, _done),
    "createEgressFirewallRule": Outcome(routing.APPLY_RULE, _rule(EGRESS)),
    "deleteEgressFirewallRule": Outcome(routing.DROP_RULE, _done),
    "createPortForwardingRule": Outcome(routing.APPLY_RULE, _rule(FORWARDING)),
    "updatePortForwardingRule": Outcome(routing.CHANGE_RULE, _rule(FORWARDING)),
    "deletePortForwardingRule": Outcome(routing.DROP_RULE, _done),
    "addNicToVirtualMachine": Outcome(plugging.ADD, _machine),
    "removeNicFromVirtualMachine": Outcome(plugging.REMOVE, _machine),
    "addIpToNic": Outcome(plugging.READDRESS, _secondary),
    "removeIpFromNic": Outcome(plugging.READDRESS, _done),
    "createLoadBalancerRule": Outcome(routing.APPLY_RULE, _rule(LOAD_BALANCER)),
    "updateLoadBalancerRule": Outcome(routing.BALANCE, _rule(LOAD_BALANCER)),
    "deleteLoadBalancerRule": Outcome(routing.DROP_RULE, _done),
    "assignToLoadBalancerRule": Outcome(routing.BALANCE, _done),
    "removeFromLoadBalancerRule": Outcome(routing.BALANCE, _done),
    "createLBStickinessPolicy": Outcome(routing.ADD_POLICY, _stickiness),
    "deleteLBStickinessPolicy": Outcome(routing.DROP_POLICY, _done),
    "createLBHealthCheckPolicy": Outcome(routing.ADD_POLICY, _health),
    "deleteLBHealthCheckPolicy": Outcome(routing.DROP_POLICY, _done),
    "updateNetwork": Outcome(routing.UPDATE, _network),
    "deleteNetwork": Outcome(routing.REMOVE, _done),
    "restartNetwork": Outcome(routing.RESTART, _done),
    "authorizeSecurityGroupIngress": Outcome(routing.APPLY_GROUP, _group),
    "authorizeSecurityGroupEgress": Outcome(routing.APPLY_GROUP, _group),
    "revokeSecurityGroupIngress": Outcome(routing.APPLY_GROUP, _done),
    "revokeSecurityGroupEgress": Outcome(routing.APPLY_GROUP, _done),
    "createVPC": Outcome(vpc.MAKE, _vpc),
    "deleteVPC": Outcome(vpc.REMOVE, _done),
    "restartVPC": Outcome(vpc.RESTART, _done),
    "createNetworkACL": Outcome(vpc.ADD_ITEM, _item),
    "updateNetworkACLItem": Outcome(vpc.APPLY_ITEM, _item),
    "moveNetworkAclItem": Outcome(vpc.APPLY_ITEM, _item),
    "deleteNetworkACL": Outcome(vpc.REMOVE_ITEM, _done),
    "replaceNetworkACLList": Outcome(vpc.REPLACE, _done),
    "startRouter": Outcome(routing.START_ROUTER, _router),
    "stopRouter": Outcome(routing.STOP_ROUTER, _router),
    "rebootRouter": Outcome(routing.REBOOT_ROUTER, _router),
    "reconnectHost": Outcome(maintenance.RECONNECT, _host),
    "enableStorageMaintenance": Outcome(maintenance.POOL_MAINTENANCE, _pool),
    "cancelStorageMaintenance": Outcome(maintenance.CANCEL_POOL_MAINTENANCE, _pool),
}


def main() -> None:
    """Work until no job is left. Its words go to `jobs/workers.log`."""
    os.chdir("/")
    environment = Environment.of_process()
    lab = Lab(sys.argv[1], environment.variables)
    if not lab.directory.store.exists():
        return  # the lab was removed meanwhile, and must not come back
    try:
        run_all(lab, OUTCOMES, environment.say, collection.tidy)
    finally:
        lab.close()
