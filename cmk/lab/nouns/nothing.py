"""List APIs that are there over HTTP alone: of things that a lab has none of, where the truth is an
empty answer; and other names of the lab's own.

Clients, and the pages of the web UI, ask for some of these beside what they are about, and take a
refusal for bad keys. The command line is told instead that the lab has no such API.
"""

from __future__ import annotations

NOTHING = frozenset(
    [
        "listASNumbers",
        "listAlerts",
        "listAnnotations",
        "listAsNumbers",
        "listAutoScalePolicies",
        "listAutoScaleVmGroups",
        "listAutoScaleVmProfiles",
        "listBackupOfferings",
        "listBackupRepositories",
        "listBackupSchedule",
        "listBackups",
        "listBgpPeers",
        "listBuckets",
        "listCniConfiguration",
        "listConditions",
        "listConfigurationGroups",
        "listCounters",
        "listCustomActions",
        "listDedicatedClusters",
        "listDedicatedHosts",
        "listDedicatedPods",
        "listDedicatedZones",
        "listExtensions",
        "listGpuCards",
        "listGpuDevices",
        "listGuestOsMapping",
        "listGuestVlans",
        "listHostTags",
        "listHypervisorCapabilities",
        "listImageStoreObjects",
        "listInstanceGroups",
        "listInternalLoadBalancerElements",
        "listInternalLoadBalancerVMs",
        "listIpForwardingRules",
        "listIpv4SubnetsForGuestNetwork",
        "listIpv4SubnetsForZone",
        "listKubernetesClusters",
        "listKubernetesSupportedVersions",
        "listLdapConfigurations",
        "listLoadBalancers",
        "listManagementServers",
        "listManagementServersMetrics",
        "listNetscalerLoadBalancers",
        "listNetworkPermissions",
        "listNetworkProtocols",
        "listNetworkServiceProviders",
        "listObjectStoragePools",
        "listPhysicalNetworks",
        "listPrivateGateways",
        "listProjectInvitations",
        "listQuarantinedIps",
        "listRegions",
        "listRemoteAccessVpns",
        "listResourceDetails",
        "listResourceIcon",
        "listRolePermissions",
        "listSecondaryStagingStores",
        "listSharedFileSystems",
        "listSnapshotPolicies",
        "listSnapshots",
        "listSslCerts",
        "listStaticRoutes",
        "listStorageNetworkIpRange",
        "listStorageTags",
        "listSupportedNetworkServices",
        "listSwifts",
        "listSystemVms",
        "listTrafficTypes",
        "listUsageRecords",
        "listUsageTypes",
        "listVMSnapshot",
        "listVgpuProfiles",
        "listVirtualRouterElements",
        "listVlanIpRanges",
        "listVnfAppliances",
        "listVnfTemplates",
        "listVpnConnections",
        "listVpnCustomerGateways",
        "listVpnGateways",
        "listVpnUsers",
        "listWebhooks",
    ]
)

#: Parameters of lists that name what no lab has: of all things, none has that.
NOBODYS = frozenset(
    [
        "autoscalevmgroupid",
        "backupofferingid",
        "extensionid",
        "groupid",
        "imagestoreuuid",
        "managementserverid",
        "parenttemplateid",
        "physicalnetworkid",
        "storageaccessgroup",
        "systemvmtype",
        "tag",
        "tags",
        "vgpuprofileid",
        "vlan",
        "vpcid",
    ]
)

#: The same for what can be true: a list of those of which it is, is empty.
NEVER_TRUE = frozenset(
    [
        "archived",
        "encrypt",
        "encryptroot",
        "forcks",
        "forvpc",
        "gpuenabled",
        "haenable",
        "hahost",
        "iscleanuprequired",
        "isencrypted",
        "issystem",
        "istagged",
        "isvnf",
        "leased",
        "outofbandmanagementenabled",
        "restartrequired",
        "specifyipranges",
        "specifyvlan",
    ]
)

#: What the web UI asks for instead of the lists: their rows are the same, and may say more.
METRICS = {
    "listClustersMetrics": "listClusters",
    "listHostsMetrics": "listHosts",
    "listStoragePoolsMetrics": "listStoragePools",
    "listVirtualMachinesMetrics": "listVirtualMachines",
    "listVolumesMetrics": "listVolumes",
    "listZonesMetrics": "listZones",
}
