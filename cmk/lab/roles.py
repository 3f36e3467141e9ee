"""Which APIs an account's role lets it call, as CloudStack's default roles do (4.22)."""

from __future__ import annotations

from cmk.lab.model.account import Account

_USER = """
    activateProject addAccountToProject attachIso createConsoleEndpoint createProject
    deleteAccountFromProject deleteIso deleteProject deleteTemplate deployVirtualMachine
    destroyVirtualMachine detachIso expungeVirtualMachine getUploadParamsForIso
    getUploadParamsForTemplate getUser getUserKeys listAccounts listApis listAsyncJobs
    listCapabilities listDiskOfferings listEvents listHypervisors listIsoPermissions listIsos
    listNetworkOfferings
    listNetworks listOsCategories listOsTypes listProjectAccounts listProjects
    listUserTwoFactorAuthenticatorProviders
    listResourceLimits listServiceOfferings listTemplatePermissions listTemplates listUsers
    listVirtualMachines listVirtualMachinesMetrics
    listVolumes listVolumesMetrics listZones queryAsyncJobResult rebootVirtualMachine
    recoverVirtualMachine registerIso registerTemplate registerUserKeys restoreVirtualMachine
    setupUserTwoFactorAuthentication startVirtualMachine stopVirtualMachine suspendProject
    updateIso updateIsoPermissions updateProject updateTemplate updateTemplatePermissions updateUser
    assignToLoadBalancerRule createLBHealthCheckPolicy createLBStickinessPolicy
    createLoadBalancerRule deleteLBHealthCheckPolicy deleteLBStickinessPolicy
    deleteLoadBalancerRule listLBHealthCheckPolicies listLBStickinessPolicies
    listLoadBalancerRuleInstances listLoadBalancerRules removeFromLoadBalancerRule
    updateLoadBalancerRule
    createTags deleteTags listTags
    authorizeSecurityGroupEgress authorizeSecurityGroupIngress createSecurityGroup
    deleteSecurityGroup listSecurityGroups revokeSecurityGroupEgress revokeSecurityGroupIngress
    updateSecurityGroup
    createNetworkACL createNetworkACLList createVPC deleteNetworkACL deleteNetworkACLList deleteVPC
    listNetworkACLLists listNetworkACLs listVPCOfferings listVPCs moveNetworkAclItem
    replaceNetworkACLList restartVPC updateNetworkACLItem updateNetworkACLList updateVPC
    addIpToNic removeIpFromNic updateVmNicIp updatePortForwardingRule
    addNicToVirtualMachine removeNicFromVirtualMachine updateDefaultNicForVirtualMachine
    createAffinityGroup deleteAffinityGroup listAffinityGroupTypes listAffinityGroups
    updateVMAffinityGroup
    associateIpAddress createEgressFirewallRule createFirewallRule createNetwork
    createPortForwardingRule createSSHKeyPair deleteEgressFirewallRule deleteFirewallRule
    deleteNetwork deletePortForwardingRule deleteSSHKeyPair deleteUserData disableStaticNat
    disassociateIpAddress enableStaticNat getVirtualMachineUserData listEgressFirewallRules
    listFirewallRules listNics listPortForwardingRules listPublicIpAddresses listSSHKeyPairs
    listUserData registerSSHKeyPair registerUserData resetPasswordForVirtualMachine
    resetSSHKeyForVirtualMachine resetUserDataForVirtualMachine restartNetwork updateNetwork
    updateVirtualMachine validateUserTwoFactorAuthenticationCode cancelAsyncJob
"""

_DOMAIN_ADMIN = """
    listRouters rebootRouter startRouter stopRouter
    createAccount createDomain createUser deleteAccount deleteDomain deleteUser disableAccount
    disableUser enableAccount enableUser listDomainChildren listDomains listRoles lockAccount
    lockUser updateAccount updateResourceCount updateResourceLimit
"""

FOR_USERS = frozenset(_USER.split())
FOR_DOMAIN_ADMINS = FOR_USERS | frozenset(_DOMAIN_ADMIN.split())


def may_call(account: Account, api: str) -> bool:
    """Whether an account may call an API, named as CloudStack writes it."""
    if account.is_root:
        return True
    return api in (FOR_DOMAIN_ADMINS if account.is_domain_admin else FOR_USERS)
