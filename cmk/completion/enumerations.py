"""Values that CloudStack's own code knows, and that its catalog does not tell (4.22)."""

from __future__ import annotations

_FILTERS = ("all", "community", "executable", "featured", "self", "selfexecutable")

#: What a parameter of this name may be, in any API.
ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "action": ("allow", "deny"),
    "algorithm": ("roundrobin", "leastconn", "source"),
    "allocationstate": ("Enabled", "Disabled"),
    "bootmode": ("LEGACY", "SECURE"),
    "boottype": ("BIOS", "UEFI"),
    "cachemode": ("none", "writeback", "writethrough"),
    "clustertype": ("CloudManaged", "ExternalManaged"),
    "format": ("QCOW2", "RAW", "ISO", "OVA", "TAR", "VHD", "VHDX", "VMDK"),
    "guestiptype": ("Isolated", "L2", "Shared"),
    "hypervisor": ("KVM", "BareMetal", "Hyperv", "LXC", "Ovm3", "Simulator", "VMware", "XenServer"),
    "intervaltype": ("HOURLY", "DAILY", "WEEKLY", "MONTHLY"),
    "isofilter": _FILTERS,
    "networktype": ("Advanced", "Basic"),
    "protocol": ("tcp", "udp", "icmp", "all"),
    "provisioningtype": ("thin", "sparse", "fat"),
    "scope": ("CLUSTER", "HOST", "ZONE"),
    "storagetype": ("local", "shared"),
    "templatefilter": (*_FILTERS, "sharedexecutable"),
    "templatetype": ("BUILTIN", "ROUTING", "SYSTEM", "USER", "VNF"),
    "traffictype": ("Control", "Guest", "Management", "Public", "Storage"),
}

#: Well-known ports (IANA), for firewall rules, port forwarding and load balancers.
_PORTS = {
    "22": "ssh",
    "53": "domain",
    "80": "http",
    "443": "https",
    "3306": "mysql",
    "3389": "rdp",
    "5432": "postgresql",
    "6443": "kubernetes",
}

#: Numbers, and what they stand for.
NUMBERS: dict[str, dict[str, str]] = {
    "accounttype": {"0": "user", "1": "admin", "2": "domain admin"},
    "icmpcode": {"-1": "all", "0": "the only one of an echo"},
    "icmptype": {"-1": "all", "8": "echo request", "0": "echo reply"},
    "page": {"1": "the first"},
    "pagesize": {"20": "", "100": "", "500": "the most that servers give by default"},
    "startport": _PORTS,
    "endport": _PORTS,
    "publicport": _PORTS,
    "publicendport": _PORTS,
    "privateport": _PORTS,
    "privateendport": _PORTS,
}

#: Parameters that take a name, where that is; the list API and its column.
NAMED: dict[str, tuple[str, str]] = {
    "account": ("listAccounts", "name"),
    "affinitygroupnames": ("listAffinityGroups", "name"),
    "domain": ("listDomains", "path"),
    "group": ("listInstanceGroups", "name"),
    "keypair": ("listSSHKeyPairs", "name"),
    "keypairs": ("listSSHKeyPairs", "name"),
    "osdisplayname": ("listOsTypes", "description"),
    "podname": ("listPods", "name"),
    "securitygroupnames": ("listSecurityGroups", "name"),
    "username": ("listUsers", "username"),
    "zonename": ("listZones", "name"),
}

#: Verbs that make what their parameters name: a name there is a new one.
MAKING = ("add", "create", "import", "ldap", "register")
