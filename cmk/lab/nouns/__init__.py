"""The lab's APIs, one module a noun; a module is imported when one of its APIs is called."""

from __future__ import annotations

from importlib import import_module

from cmk.errors import ApiError
from cmk.lab.declaration import HANDLERS, Handler

#: Where each API is declared; a test holds it against the modules.
APIS = {
    "zone": "listZones createZone updateZone deleteZone",
    "pod": "listPods createPod updatePod deletePod",
    "cluster": "listClusters addCluster updateCluster deleteCluster",
    "host": "listHosts addHost updateHost deleteHost prepareHostForMaintenance "
    "cancelHostMaintenance reconnectHost",
    "storage_pool": "listStoragePools createStoragePool updateStoragePool "
    "deleteStoragePool enableStorageMaintenance cancelStorageMaintenance",
    "offering": "listServiceOfferings createServiceOffering updateServiceOffering "
    "deleteServiceOffering listDiskOfferings createDiskOffering updateDiskOffering "
    "deleteDiskOffering",
    "os_type": "listOsTypes listOsCategories",
    "network": "listNetworks listNetworkOfferings createNetwork updateNetwork deleteNetwork "
    "restartNetwork",
    "nic": "listNics",
    "plugging": "addNicToVirtualMachine removeNicFromVirtualMachine "
    "updateDefaultNicForVirtualMachine addIpToNic removeIpFromNic updateVmNicIp",
    "public_ip": "listPublicIpAddresses associateIpAddress disassociateIpAddress enableStaticNat "
    "disableStaticNat",
    "firewall": "listFirewallRules createFirewallRule deleteFirewallRule "
    "listEgressFirewallRules createEgressFirewallRule deleteEgressFirewallRule "
    "listPortForwardingRules createPortForwardingRule updatePortForwardingRule "
    "deletePortForwardingRule",
    "tag": "listTags createTags deleteTags",
    "security_group": "listSecurityGroups createSecurityGroup updateSecurityGroup "
    "deleteSecurityGroup authorizeSecurityGroupIngress authorizeSecurityGroupEgress "
    "revokeSecurityGroupIngress revokeSecurityGroupEgress",
    "vpc": "listVPCs listVPCOfferings createVPC updateVPC deleteVPC restartVPC",
    "network_acl": "listNetworkACLLists createNetworkACLList updateNetworkACLList "
    "deleteNetworkACLList replaceNetworkACLList listNetworkACLs createNetworkACL "
    "updateNetworkACLItem moveNetworkAclItem deleteNetworkACL",
    "load_balancer": "listLoadBalancerRules createLoadBalancerRule updateLoadBalancerRule "
    "deleteLoadBalancerRule assignToLoadBalancerRule removeFromLoadBalancerRule "
    "listLoadBalancerRuleInstances createLBStickinessPolicy listLBStickinessPolicies "
    "deleteLBStickinessPolicy createLBHealthCheckPolicy listLBHealthCheckPolicies "
    "deleteLBHealthCheckPolicy",
    "affinity_group": "listAffinityGroups listAffinityGroupTypes createAffinityGroup "
    "deleteAffinityGroup updateVMAffinityGroup",
    "router": "listRouters startRouter stopRouter rebootRouter",
    "key_pair": "listSSHKeyPairs createSSHKeyPair registerSSHKeyPair deleteSSHKeyPair "
    "resetSSHKeyForVirtualMachine",
    "user_data": "listUserData registerUserData deleteUserData getVirtualMachineUserData "
    "resetUserDataForVirtualMachine resetPasswordForVirtualMachine",
    "template": "registerTemplate listTemplates prepareTemplate deleteTemplate",
    "registration_update": "updateTemplate updateIso",
    "iso": "registerIso listIsos deleteIso attachIso detachIso",
    "image_store": "addImageStore listImageStores deleteImageStore",
    "certificate": "uploadTemplateDirectDownloadCertificate listTemplateDirectDownloadCertificates "
    "provisionTemplateDirectDownloadCertificate revokeTemplateDirectDownloadCertificate",
    "spool_ref": "listTemplateSpoolRefs",
    "deployment": "deployVirtualMachine",
    "machine_update": "updateVirtualMachine",
    "virtual_machine": "listVirtualMachines "
    "startVirtualMachine stopVirtualMachine rebootVirtualMachine destroyVirtualMachine "
    "recoverVirtualMachine expungeVirtualMachine restoreVirtualMachine",
    "async_job": "queryAsyncJobResult listAsyncJobs cancelAsyncJob",
    "event": "listEvents",
    "configuration": "listConfigurations updateConfiguration",
    "api_listing": "listApis",
    "role": "listRoles",
    "domain": "listDomains listDomainChildren createDomain updateDomain deleteDomain",
    "account": "listAccounts createAccount updateAccount deleteAccount enableAccount "
    "disableAccount lockAccount",
    "user": "listUsers createUser updateUser deleteUser enableUser disableUser lockUser getUser "
    "getUserKeys registerUserKeys",
    "project": "listProjects createProject updateProject deleteProject activateProject "
    "suspendProject listProjectAccounts addAccountToProject deleteAccountFromProject",
    "resource_limit": "listResourceLimits updateResourceLimit updateResourceCount",
    "permission": "listTemplatePermissions updateTemplatePermissions listIsoPermissions "
    "updateIsoPermissions",
    "capability": "listCapabilities",
    "capacity": "listCapacity listHypervisors listInfrastructure",
    "volume": "listVolumes",
    "console": "createConsoleEndpoint",
    "upload": "getUploadParamsForTemplate getUploadParamsForIso",
    "simulator": "configureSimulator querySimulatorMock cleanupSimulatorMock",
    "two_factor": "setupUserTwoFactorAuthentication validateUserTwoFactorAuthenticationCode "
    "listUserTwoFactorAuthenticatorProviders",
}

_MODULES = {name.lower(): module for module, names in APIS.items() for name in names.split()}


_NAMES = frozenset(name for names in APIS.values() for name in names.split())


def is_exactly(api: str) -> bool:
    """Whether the lab has an API of this name, letter by letter: over HTTP CloudStack's rule."""
    return api in _NAMES


def handler_of(api: str) -> Handler:
    """What runs an API. Raises ApiError 432 for one that the lab has not."""
    module = _MODULES.get(api.lower())
    if module is None:
        raise ApiError(432, f"The lab has no API {api}.")
    import_module(f"cmk.lab.nouns.{module}")
    return HANDLERS[api.lower()]
