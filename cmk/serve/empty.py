"""List APIs of CloudStack's of whose things a lab has none: over HTTP the truth is an empty answer.

Clients that list machines ask for some of these beside them, and take a refusal for bad keys. The
command line is told instead that the lab has no such API. What a lab has and cannot list yet
(volumes) is not here: an empty answer would be no truth.
"""

from __future__ import annotations

NOTHING = frozenset(
    [
        "listAffinityGroups",
        "listAffinityGroupTypes",
        "listAnnotations",
        "listAutoScaleVmGroups",
        "listBackupOfferings",
        "listBackups",
        "listEgressFirewallRules",
        "listFirewallRules",
        "listGuestVlans",
        "listInstanceGroups",
        "listIpForwardingRules",
        "listKubernetesClusters",
        "listLBHealthCheckPolicies",
        "listLBStickinessPolicies",
        "listLoadBalancerRuleInstances",
        "listLoadBalancerRules",
        "listLoadBalancers",
        "listNetworkACLLists",
        "listNetworkACLs",
        "listPortForwardingRules",
        "listPrivateGateways",
        "listProjectInvitations",
        "listPublicIpAddresses",
        "listRemoteAccessVpns",
        "listResourceIcon",
        "listRouters",
        "listSSHKeyPairs",
        "listSecurityGroups",
        "listSnapshotPolicies",
        "listSnapshots",
        "listStaticRoutes",
        "listSystemVms",
        "listTags",
        "listUserData",
        "listVMSnapshot",
        "listVPCs",
        "listVpnConnections",
        "listVpnCustomerGateways",
        "listVpnGateways",
        "listVpnUsers",
        "listWebhooks",
    ]
)
