"""VPCs: networks behind one public address, their tiers, and the lists of what may pass."""

from __future__ import annotations

from cmk.lab.model.network import Network, PublicAddress
from cmk.lab.model.record import Record
from cmk.lab.store import Store


class VpcOffering(Record):
    """What a VPC does for its tiers; `services` as text with commas."""

    TABLE, KIND, RESOURCE = "vpc_offerings", "VPC offering", "VpcOffering"

    name: str
    display_text: str
    services: str
    state: str
    removed: str | None


class Vpc(Record):
    """A VPC; its tiers are of its `cidr`, and their VMs' names of its domain."""

    TABLE, KIND, RESOURCE = "vpc", "VPC", "Vpc"

    name: str
    display_text: str
    account_id: int
    data_center_id: int
    vpc_offering_id: int
    cidr: str
    network_domain: str
    state: str
    removed: str | None

    def tiers(self, store: Store) -> list[Network]:
        """Its networks."""
        return Network.there(store, vpc_id=self.id)

    @property
    def address_columns(self) -> dict[str, int]:
        """By what its public addresses are known."""
        return {"vpc_id": self.id}

    def addresses(self, store: Store) -> list[PublicAddress]:
        """Its public addresses."""
        return PublicAddress.there(store, **self.address_columns)

    def lists(self, store: Store) -> list[AclList]:
        """The lists of rules that were made for it."""
        return AclList.there(store, vpc_id=self.id)


class AclList(Record):
    """A list of rules for tiers; without a VPC it is one of the two that everybody has."""

    TABLE, KIND, RESOURCE = "network_acl", "network ACL list", "NetworkACL"

    #: What a tier has for which none is named: nothing comes in, and nothing goes out.
    DEFAULT_DENY = 1

    name: str
    description: str
    vpc_id: int | None
    account_id: int | None
    removed: str | None

    def items(self, store: Store) -> list[AclItem]:
        """Its rules, in the order in which they are asked."""
        return AclItem.where(store, "acl_id = ? AND removed IS NULL ORDER BY number", self.id)

    def tiers(self, store: Store) -> list[Network]:
        """The networks that keep to it."""
        return Network.there(store, network_acl_id=self.id)

    @classmethod
    def visible(cls, mine: str) -> str:
        """Which ones a list shows, as a condition on network_acl_view: those of `mine`, and those
        that everybody has."""
        return f"({mine} OR account_id IS NULL)" if mine else ""


class AclItem(Record):
    """A rule of a list; `cidrs` as text with commas: where it comes from, or goes to."""

    TABLE, KIND, RESOURCE = "network_acl_item", "network ACL", "NetworkACL"

    acl_id: int
    account_id: int | None
    number: int
    traffic_type: str
    action: str
    protocol: str
    start_port: int | None
    end_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    cidrs: str
    reason: str | None
    state: str
    removed: str | None

    @property
    def is_ingress(self) -> bool:
        """Whether it is about what comes in."""
        return self.traffic_type == "Ingress"

    @property
    def allows(self) -> bool:
        """Whether it lets pass what it is about."""
        return self.action == "Allow"
