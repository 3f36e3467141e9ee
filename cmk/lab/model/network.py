"""Networks, their offerings, the NICs on them, public addresses, and the rules on those."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any, ClassVar

from cmk.lab.model.ownership import Owners
from cmk.lab.model.record import Record, State
from cmk.lab.store import Store, new_uuid

#: Networks that are made without a CIDR get one of these, and no two overlap: one router has all.
_DEFAULTS = IPv4Network("10.1.0.0/16")

#: The last byte of what a guest has in QEMU's user mode, whatever network it is in.
USER_MODE = 15


class NetworkOffering(Record):
    """What a network does for its guests; `services` as text with commas."""

    TABLE, KIND, RESOURCE = "network_offerings", "network offering", "NetworkOffering"

    name: str
    display_text: str
    guest_type: str
    services: str
    egress_policy: int
    for_vpc: int
    state: str
    removed: str | None

    @property
    def is_shared(self) -> bool:
        """Whether several accounts may be on its networks."""
        return self.guest_type == "Shared"

    @property
    def provides(self) -> set[str]:
        """The names of its services."""
        return {name for name in self.services.split(",") if name}


class NetworkState(State):
    """Whether the router has a network: Allocated ones have had no guest yet."""

    ALLOCATED = "Allocated"
    SETUP = "Setup"
    IMPLEMENTED = "Implemented"


class Network(Record):
    """A network that guests are on; no `cidr` and no `gateway` in an L2 one."""

    TABLE, KIND, RESOURCE = "networks", "network", "Network"
    STATES: ClassVar = {"state": NetworkState}

    name: str
    display_text: str
    account_id: int
    data_center_id: int
    network_offering_id: int
    cidr: str
    gateway: str
    acl_type: str
    network_domain: str
    state: NetworkState
    vpc_id: int | None
    network_acl_id: int | None
    removed: str | None

    def is_for(self, store: Store, account: int) -> bool:
        """Whether an account that it does not belong to may use it."""
        return self.acl_type == "Domain"

    def offering(self, store: Store) -> NetworkOffering:
        return NetworkOffering.of(store, self.network_offering_id)

    def provides(self, store: Store, service: str) -> bool:
        """Whether its offering has a service."""
        return service in self.offering(store).provides

    def is_shared(self, store: Store) -> bool:
        """Whether it is one that several accounts may be on."""
        return self.offering(store).is_shared

    def nics(self, store: Store) -> list[Nic]:
        """The NICs on it, of VMs that are there."""
        return Nic.where(
            store,
            "removed IS NULL AND network_id = ? AND instance_id IN "
            "(SELECT id FROM vm_instance WHERE removed IS NULL) ORDER BY id",
            self.id,
        )

    @property
    def address_columns(self) -> dict[str, int]:
        """By what its public addresses are known: its own number, or that of its VPC."""
        return {"network_id": self.id} if self.vpc_id is None else {"vpc_id": self.vpc_id}

    def has_address(self, address: str) -> bool:
        """Whether a guest on it could have this address."""
        within = IPv4Network(self.cidr)
        it = IPv4Address(address)
        return it in within and it not in (
            within.network_address,
            within.broadcast_address,
            IPv4Address(self.gateway),
        )

    def taken(self, store: Store) -> set[str]:
        """The addresses that guests have, or are to have."""
        nics = self.nics(store)
        more = SecondaryAddress.of_nics(store, {nic.id for nic in nics})
        first = {nic.ip4_address for nic in nics if nic.ip4_address}
        return first | {each.ip4_address for each in more}

    def free_address(self, store: Store) -> str | None:
        """The lowest address that no guest has; None where all are given away."""
        taken = self.taken(store) | {self.gateway}
        hosts = IPv4Network(self.cidr).hosts()
        return next((str(each) for each in hosts if str(each) not in taken), None)

    @classmethod
    def default(cls, store: Store) -> Network:
        """The one that every account may use, which the lab has had from its beginning."""
        return cls.where(store, "acl_type = 'Domain' AND removed IS NULL ORDER BY id LIMIT 1")[0]

    @classmethod
    def overlapping(cls, store: Store, cidr: str) -> Network | None:
        """One whose addresses are among these."""
        wanted = IPv4Network(cidr)
        return next(
            (
                each
                for each in cls.there(store)
                if each.cidr and IPv4Network(each.cidr).overlaps(wanted)
            ),
            None,
        )

    @classmethod
    def free_cidr(cls, store: Store) -> str | None:
        """A block of 256 addresses that no network has; None where there is none left."""
        blocks = list(_DEFAULTS.subnets(new_prefix=24))[1:]
        return next((str(each) for each in blocks if not cls.overlapping(store, str(each))), None)

    @classmethod
    def filtered(cls, mine: Owners, services: list[str]) -> tuple[str, list[Any]]:
        """Which ones a list shows, as a condition on network_view: those of `mine` and those that
        are for all, with all of these services."""
        owned, values = mine.condition()
        parts = [f"({owned} OR acltype = 'Domain')"] if owned else []
        parts += ["instr(',' || lower(services) || ',', ?) > 0" for _ in services]
        return " AND ".join(parts), [*values, *(f",{each.lower()}," for each in services)]


class Nic(Record):
    """A VM's interface; `mode` says how it hangs on its host since its VM was last started."""

    TABLE, KIND, RESOURCE = "nics", "nic", "Nic"

    ROUTER, USER, BRIDGE = "router", "user", "bridge"

    instance_id: int
    network_id: int
    mac_address: str
    ip4_address: str | None
    device_id: int
    is_default: int
    mode: str | None
    removed: str | None

    def network(self, store: Store) -> Network:
        return Network.of(store, self.network_id)

    def secondary(self, store: Store) -> list[SecondaryAddress]:
        """Its other addresses."""
        return SecondaryAddress.of_nics(store, {self.id})

    def all_addresses(self, store: Store) -> list[str]:
        """The first and the others."""
        others = [each.ip4_address for each in self.secondary(store)]
        return [address for address in (self.ip4_address, *others) if address]

    def remove(self, store: Store) -> None:
        """Mark it as removed, with its other addresses."""
        for each in self.secondary(store):
            each.remove(store)
        super().remove(store)

    @classmethod
    def plug(
        cls, store: Store, lab_id: str, machine: int, network: Network, address: str | None
    ) -> Nic:
        """Put a VM on a network: its next interface, with an address of the lab's own kind."""
        number = store.value("SELECT coalesce(max(id), 0) + 1 FROM nics")
        device = store.value(
            "SELECT coalesce(max(device_id), -1) + 1 FROM nics WHERE instance_id = ? "
            "AND removed IS NULL",
            machine,
        )
        # Locally administered: the lab's byte, then the interface's number.
        tail = f"{number >> 16 & 0xFF:02x}:{number >> 8 & 0xFF:02x}:{number & 0xFF:02x}"
        return cls.add(
            store,
            id=number,
            uuid=new_uuid(),
            instance_id=machine,
            network_id=network.id,
            mac_address=f"02:{lab_id[:2]}:01:{tail}",
            ip4_address=address,
            device_id=device,
            is_default=int(device == 0),
        )

    @classmethod
    def of_machine(cls, store: Store, machine: int) -> list[Nic]:
        """A VM's, the default one first."""
        return cls.where(
            store,
            "instance_id = ? AND removed IS NULL ORDER BY is_default DESC, device_id",
            machine,
        )


class SecondaryAddress(Record):
    """One more address of a NIC; its guest sets it itself."""

    TABLE, KIND, RESOURCE = "nic_secondary_ips", "secondary IP address", "NicSecondaryIp"

    nic_id: int
    ip4_address: str
    account_id: int
    removed: str | None

    @classmethod
    def of_nics(cls, store: Store, nics: set[int]) -> list[SecondaryAddress]:
        """Those of these NICs."""
        marks = ", ".join("?" * len(nics))
        return cls.where(
            store, f"removed IS NULL AND nic_id IN ({marks}) ORDER BY id", *sorted(nics)
        )


class PublicAddress(Record):
    """An address of 127/8 that somebody has, for a network or a VPC; with static NAT it is one VM's
    as a whole."""

    TABLE, KIND, RESOURCE = "user_ip_address", "public IP address", "IpAddress"

    public_ip_address: str
    account_id: int
    data_center_id: int
    network_id: int | None
    vpc_id: int | None
    source_nat: int
    vm_id: int | None
    nic_id: int | None
    dest_ip_address: str | None
    state: str
    removed: str | None

    @classmethod
    def free(cls, store: Store, within: str) -> str | None:
        """The lowest address of a block that nobody has: its first nine stay unused."""
        taken = {each.public_ip_address for each in cls.there(store)}
        hosts = list(IPv4Network(within).hosts())[9:]
        return next((str(each) for each in hosts if str(each) not in taken), None)

    def networks(self, store: Store) -> list[Network]:
        """Those that it can lead to: its own; of its VPC the tier that it leads to already, as
        CloudStack has it, else all. The source NAT of a VPC can lead to several."""
        if self.network_id is not None:
            return [Network.of(store, self.network_id)]
        tiers = Network.there(store, vpc_id=self.vpc_id)
        if self.source_nat:
            return tiers
        used = {rule.network_id for rule in self.rules(store)}
        if self.nic_id is not None:
            used.add(Nic.of(store, self.nic_id).network_id)
        return [tier for tier in tiers if tier.id in used] or tiers

    def rules(self, store: Store) -> list[Rule]:
        """All rules on it."""
        return Rule.there(store, ip_address_id=self.id)


class Rule(Record):
    """A rule on a public address (`purpose` Firewall or PortForwarding), or (traffic_type Egress)
    on what leaves a network; CIDRs as text with commas."""

    TABLE, KIND, RESOURCE = "firewall_rules", "rule", "FirewallRule"

    FIREWALL, FORWARDING, BALANCING = "Firewall", "PortForwarding", "LoadBalancing"

    purpose: str
    traffic_type: str
    ip_address_id: int | None
    network_id: int
    account_id: int
    protocol: str
    start_port: int | None
    end_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    source_cidrs: str
    destination_cidrs: str
    instance_id: int | None
    nic_id: int | None
    dest_ip_address: str | None
    dest_port_start: int | None
    dest_port_end: int | None
    name: str | None
    description: str | None
    algorithm: str | None
    state: str
    removed: str | None

    @property
    def is_balancer(self) -> bool:
        """Whether connections to it are shared among several VMs."""
        return self.purpose == self.BALANCING

    @property
    def leads_in(self) -> bool:
        """Whether its ports lead to VMs: no two such rules have one of them."""
        return self.purpose in (self.FORWARDING, self.BALANCING)

    @property
    def ports(self) -> range:
        """The ports that it is about: all where none are named."""
        if self.start_port is None:
            return range(1, 1 << 16)
        return range(self.start_port, (self.end_port or self.start_port) + 1)

    def meets(self, other: Rule) -> bool:
        """Whether a port is in both; of icmp: whether they say the same."""
        if self.protocol == other.protocol == "icmp":
            mine, theirs = (self.icmp_type, self.icmp_code), (other.icmp_type, other.icmp_code)
            return mine == theirs
        if self.protocol != other.protocol and "all" not in (self.protocol, other.protocol):
            return False
        return self.ports.start < other.ports.stop and other.ports.start < self.ports.stop

    def kept(self, store: Store) -> Rule:
        """The same in the store."""
        columns = {name: value for name, value in vars(self).items() if name not in ("id", "uuid")}
        return Rule.add(store, **columns)

    @staticmethod
    def list_of(cidrs: str) -> list[str]:
        """CIDRs that are written with commas between them."""
        return [each.strip() for each in cidrs.split(",") if each.strip()]


class Balanced(Record):
    """One VM that a balancer shares its connections with."""

    TABLE, KIND, RESOURCE, THERE = "load_balancer_vm_map", "VM", "LoadBalancer", "1"
    HAS_UUID = False

    load_balancer_id: int
    instance_id: int
    nic_id: int


class Policy(Record):
    """How a balancer keeps a client with one VM, or asks its VMs how they are; `params` as JSON."""

    TABLE, KIND, RESOURCE = "load_balancer_policy", "policy", "LoadBalancer"

    STICKINESS, HEALTH = "Stickiness", "HealthCheck"

    load_balancer_id: int
    kind: str
    name: str
    method: str | None
    description: str | None
    params: str
    account_id: int
    removed: str | None


class Router(Record):
    """The lab's virtual router, which all networks are on."""

    TABLE, KIND, RESOURCE, THERE = "router", "router", "DomainRouter", "1"

    name: str
    data_center_id: int
