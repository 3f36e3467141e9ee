-- Version 5: networks of accounts, their offerings, addresses of NICs, public addresses and the rules
-- on them, key pairs, user data.

-- guest_type: Isolated, Shared or L2; services as text with commas; egress_policy: whether what leaves
-- is allowed (1) unless a rule denies it, or denied unless a rule allows it.
CREATE TABLE network_offerings (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_text TEXT NOT NULL,
    guest_type TEXT NOT NULL, services TEXT NOT NULL, availability TEXT NOT NULL DEFAULT 'Optional',
    state TEXT NOT NULL DEFAULT 'Enabled', is_default INTEGER NOT NULL DEFAULT 0,
    egress_policy INTEGER NOT NULL DEFAULT 0, for_vpc INTEGER NOT NULL DEFAULT 0,
    created TEXT NOT NULL, removed TEXT
);
INSERT INTO network_offerings
    (id, uuid, name, display_text, guest_type, services, availability, is_default, egress_policy, created)
VALUES
    (1, 'c5a0e3b6-0101-4c6d-9f00-636d6b2d7301', 'LabSharedNetworkOffering',
     'for all accounts: addresses, names, user data, and out into the world', 'Shared',
     'Dhcp,Dns,UserData,SourceNat', 'Optional', 1, 1, '2026-01-01T00:00:00+0000'),
    (2, 'c5a0e3b6-0102-4c6d-9f00-636d6b2d7302', 'DefaultIsolatedNetworkOfferingWithSourceNatService',
     'Isolated networks with source NAT', 'Isolated',
     'Dhcp,Dns,UserData,SourceNat,StaticNat,PortForwarding,Firewall,Lb', 'Required', 1, 0,
     '2026-01-01T00:00:00+0000'),
    (3, 'c5a0e3b6-0103-4c6d-9f00-636d6b2d7303', 'DefaultIsolatedNetworkOffering',
     'Isolated networks with no way out', 'Isolated', 'Dhcp,Dns,UserData', 'Optional', 1, 0,
     '2026-01-01T00:00:00+0000'),
    (4, 'c5a0e3b6-0104-4c6d-9f00-636d6b2d7304', 'DefaultSharedNetworkOffering',
     'Shared networks', 'Shared', 'Dhcp,Dns,UserData,SourceNat', 'Optional', 1, 1,
     '2026-01-01T00:00:00+0000'),
    (5, 'c5a0e3b6-0105-4c6d-9f00-636d6b2d7305', 'DefaultL2NetworkOffering',
     'L2 networks: guests among themselves', 'L2', '', 'Optional', 1, 0, '2026-01-01T00:00:00+0000');
INSERT INTO network_offerings
    (id, uuid, name, display_text, guest_type, services, is_default, egress_policy, for_vpc, created)
VALUES
    (6, 'c5a0e3b6-0106-4c6d-9f00-636d6b2d7306', 'DefaultIsolatedNetworkOfferingForVpcNetworks',
     'Tiers of VPCs', 'Isolated', 'Dhcp,Dns,UserData,SourceNat,StaticNat,PortForwarding,Lb,NetworkACL',
     1, 1, 1, '2026-01-01T00:00:00+0000'),
    (7, 'c5a0e3b6-0107-4c6d-9f00-636d6b2d7307', 'DefaultIsolatedNetworkOfferingForVpcNetworksNoLB',
     'Tiers of VPCs without balancers', 'Isolated',
     'Dhcp,Dns,UserData,SourceNat,StaticNat,PortForwarding,NetworkACL', 1, 1, 1,
     '2026-01-01T00:00:00+0000');

-- VPCs: networks of one account, its tiers, that reach each other and are reached as far as lists of
-- rules let them. A list without a VPC is one of the two that everybody has, and nobody changes.
CREATE TABLE vpc_offerings (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_text TEXT NOT NULL,
    services TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'Enabled', is_default INTEGER NOT NULL DEFAULT 1,
    created TEXT NOT NULL, removed TEXT
);
INSERT INTO vpc_offerings (id, uuid, name, display_text, services, created) VALUES
    (1, 'c5a0e3b6-0201-4c6d-9f00-636d6b2d7301', 'Default VPC offering', 'Default VPC offering',
     'Dhcp,Dns,UserData,SourceNat,StaticNat,PortForwarding,Lb,NetworkACL', '2026-01-01T00:00:00+0000');
CREATE TABLE vpc (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_text TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id),
    data_center_id INTEGER NOT NULL REFERENCES data_center (id),
    vpc_offering_id INTEGER NOT NULL REFERENCES vpc_offerings (id), cidr TEXT NOT NULL,
    network_domain TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'Enabled', created TEXT NOT NULL,
    removed TEXT
);
CREATE TABLE network_acl (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL,
    vpc_id INTEGER REFERENCES vpc (id), account_id INTEGER REFERENCES account (id),
    created TEXT NOT NULL, removed TEXT
);
INSERT INTO network_acl (id, uuid, name, description, created) VALUES
    (1, 'c5a0e3b6-0301-4c6d-9f00-636d6b2d7301', 'default_deny', 'nothing in, nothing out',
     '2026-01-01T00:00:00+0000'),
    (2, 'c5a0e3b6-0302-4c6d-9f00-636d6b2d7302', 'default_allow', 'all in, all out',
     '2026-01-01T00:00:00+0000');

-- number: the order in which they are asked; action: Allow or Deny; cidrs as text with commas: where
-- it comes from (Ingress), or goes to (Egress).
CREATE TABLE network_acl_item (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, acl_id INTEGER NOT NULL REFERENCES network_acl (id),
    account_id INTEGER REFERENCES account (id), number INTEGER NOT NULL, traffic_type TEXT NOT NULL,
    action TEXT NOT NULL, protocol TEXT NOT NULL, start_port INTEGER, end_port INTEGER,
    icmp_type INTEGER, icmp_code INTEGER, cidrs TEXT NOT NULL, reason TEXT,
    state TEXT NOT NULL DEFAULT 'Add', created TEXT NOT NULL, removed TEXT
);
INSERT INTO network_acl_item
    (id, uuid, acl_id, number, traffic_type, action, protocol, cidrs, state, created)
VALUES
    (1, 'c5a0e3b6-0401-4c6d-9f00-636d6b2d7301', 1, 1, 'Ingress', 'Deny', 'all', '0.0.0.0/0', 'Active',
     '2026-01-01T00:00:00+0000'),
    (2, 'c5a0e3b6-0402-4c6d-9f00-636d6b2d7302', 1, 2, 'Egress', 'Deny', 'all', '0.0.0.0/0', 'Active',
     '2026-01-01T00:00:00+0000'),
    (3, 'c5a0e3b6-0403-4c6d-9f00-636d6b2d7303', 2, 1, 'Ingress', 'Allow', 'all', '0.0.0.0/0', 'Active',
     '2026-01-01T00:00:00+0000'),
    (4, 'c5a0e3b6-0404-4c6d-9f00-636d6b2d7304', 2, 2, 'Egress', 'Allow', 'all', '0.0.0.0/0', 'Active',
     '2026-01-01T00:00:00+0000');

-- cidr and gateway are empty in an L2 network; acl_type Domain: for all accounts.
ALTER TABLE networks ADD COLUMN network_offering_id INTEGER NOT NULL DEFAULT 1;
ALTER TABLE networks ADD COLUMN acl_type TEXT NOT NULL DEFAULT 'Domain';
ALTER TABLE networks ADD COLUMN network_domain TEXT NOT NULL DEFAULT 'lab.internal';
ALTER TABLE networks ADD COLUMN state TEXT NOT NULL DEFAULT 'Setup';
ALTER TABLE networks ADD COLUMN vpc_id INTEGER REFERENCES vpc (id);
ALTER TABLE networks ADD COLUMN network_acl_id INTEGER REFERENCES network_acl (id);
ALTER TABLE networks ADD COLUMN removed TEXT;

-- mode: how it hangs on its host: router, user or bridge; NULL before the VM was started.
ALTER TABLE nics ADD COLUMN ip4_address TEXT;
ALTER TABLE nics ADD COLUMN device_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nics ADD COLUMN is_default INTEGER NOT NULL DEFAULT 1;
ALTER TABLE nics ADD COLUMN mode TEXT;
ALTER TABLE nics ADD COLUMN removed TEXT;
CREATE INDEX nics_network ON nics (network_id);

-- More addresses of NICs; guests set them themselves.
CREATE TABLE nic_secondary_ips (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, nic_id INTEGER NOT NULL REFERENCES nics (id),
    ip4_address TEXT NOT NULL, account_id INTEGER NOT NULL REFERENCES account (id),
    created TEXT NOT NULL, removed TEXT
);
CREATE INDEX nic_secondary_ips_nic ON nic_secondary_ips (nic_id);

-- The public addresses that somebody has: of 127/8, so that this machine reaches them. vm_id: the one
-- that all of it goes to by static NAT. One of a VPC has that, and the tier is its rules' own.
CREATE TABLE user_ip_address (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, public_ip_address TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id),
    data_center_id INTEGER NOT NULL REFERENCES data_center (id),
    network_id INTEGER REFERENCES networks (id), vpc_id INTEGER REFERENCES vpc (id),
    source_nat INTEGER NOT NULL DEFAULT 0,
    vm_id INTEGER REFERENCES vm_instance (id), nic_id INTEGER REFERENCES nics (id),
    dest_ip_address TEXT, state TEXT NOT NULL DEFAULT 'Allocated', allocated TEXT NOT NULL, removed TEXT
);
CREATE UNIQUE INDEX user_ip_address_there ON user_ip_address (public_ip_address) WHERE removed IS NULL;

-- purpose: Firewall, PortForwarding or LoadBalancing, which has a name and an algorithm; traffic_type:
-- Ingress or Egress; cidrs as text with commas.
-- dest_ip_address: the VM's address, where it is not the first of its NIC (of public addresses too).
-- related_id: the forwarding that a firewall rule came with, and goes with.
CREATE TABLE firewall_rules (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, purpose TEXT NOT NULL,
    traffic_type TEXT NOT NULL DEFAULT 'Ingress', ip_address_id INTEGER REFERENCES user_ip_address (id),
    network_id INTEGER NOT NULL REFERENCES networks (id), account_id INTEGER NOT NULL REFERENCES account (id),
    protocol TEXT NOT NULL, start_port INTEGER, end_port INTEGER, icmp_type INTEGER, icmp_code INTEGER,
    source_cidrs TEXT NOT NULL DEFAULT '', destination_cidrs TEXT NOT NULL DEFAULT '',
    instance_id INTEGER REFERENCES vm_instance (id), nic_id INTEGER REFERENCES nics (id),
    dest_ip_address TEXT, dest_port_start INTEGER, dest_port_end INTEGER, related_id INTEGER REFERENCES firewall_rules (id),
    name TEXT, description TEXT, algorithm TEXT,
    state TEXT NOT NULL DEFAULT 'Add', created TEXT NOT NULL, removed TEXT
);
CREATE INDEX firewall_rules_address ON firewall_rules (ip_address_id);

-- Which VMs a balancer shares its connections among, and how it keeps a client with one (kind
-- Stickiness: method and params, as JSON) or asks whether they are well (kind HealthCheck).
CREATE TABLE load_balancer_vm_map (
    id INTEGER PRIMARY KEY, load_balancer_id INTEGER NOT NULL REFERENCES firewall_rules (id),
    instance_id INTEGER NOT NULL REFERENCES vm_instance (id),
    nic_id INTEGER NOT NULL REFERENCES nics (id), UNIQUE (load_balancer_id, nic_id)
);
CREATE TABLE load_balancer_policy (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,
    load_balancer_id INTEGER NOT NULL REFERENCES firewall_rules (id), kind TEXT NOT NULL,
    name TEXT NOT NULL, method TEXT, description TEXT, params TEXT NOT NULL DEFAULT '{}',
    account_id INTEGER NOT NULL REFERENCES account (id), created TEXT NOT NULL, removed TEXT
);

-- VMs that are to be on one host, or on different ones; type as CloudStack writes it.
CREATE TABLE affinity_group (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT NOT NULL,
    description TEXT, account_id INTEGER NOT NULL REFERENCES account (id), created TEXT NOT NULL,
    UNIQUE (account_id, name)
);
CREATE TABLE affinity_group_vm_map (
    id INTEGER PRIMARY KEY, affinity_group_id INTEGER NOT NULL REFERENCES affinity_group (id),
    instance_id INTEGER NOT NULL REFERENCES vm_instance (id), UNIQUE (affinity_group_id, instance_id)
);

CREATE TABLE ssh_keypairs (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, account_id INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL, fingerprint TEXT NOT NULL, public_key TEXT NOT NULL,
    UNIQUE (account_id, name)
);

-- user_data is base64; params are names that it leaves open, as text with commas.
CREATE TABLE user_data (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, account_id INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL, user_data TEXT NOT NULL, params TEXT NOT NULL DEFAULT '', removed TEXT
);

-- user_data as it was given at deployment, base64; keypairs by name, public_keys as the guest gets
-- them; new_password until the guest has it.
ALTER TABLE vm_instance ADD COLUMN user_data TEXT;
ALTER TABLE vm_instance ADD COLUMN user_data_id INTEGER REFERENCES user_data (id);
ALTER TABLE vm_instance ADD COLUMN user_data_details TEXT;
ALTER TABLE vm_instance ADD COLUMN keypairs TEXT;
ALTER TABLE vm_instance ADD COLUMN public_keys TEXT;
ALTER TABLE vm_instance ADD COLUMN new_password TEXT;

-- The one virtual router of the lab; whether it runs is for its process to show.
CREATE TABLE router (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    data_center_id INTEGER NOT NULL REFERENCES data_center (id), created TEXT NOT NULL
);
INSERT INTO router (id, uuid, name, data_center_id, created)
SELECT 1, (SELECT substr(uuid, 1, 24) || lower(hex(randomblob(6))) FROM lab), 'r-1-VM', z.id,
    strftime('%Y-%m-%dT%H:%M:%S+0000', 'now')
FROM data_center z ORDER BY z.id LIMIT 1;

CREATE VIEW network_offering_view AS
SELECT id AS row_id, uuid AS id, name, display_text AS displaytext, 'Guest' AS traffictype,
    guest_type AS guestiptype, availability, state, is_default AS isdefault, 0 AS specifyvlan,
    for_vpc AS forvpc, 1 AS conservemode, 0 AS ispersistent, egress_policy AS egressdefaultpolicy,
    '' AS serviceofferingid, services, created
FROM network_offerings WHERE removed IS NULL;

DROP VIEW network_view;
CREATE VIEW network_view AS
SELECT n.id AS row_id, n.uuid AS id, n.name, n.display_text AS displaytext, f.guest_type AS type,
    n.state, 'Guest' AS traffictype, nullif(n.cidr, '') AS cidr, nullif(n.gateway, '') AS gateway,
    z.uuid AS zoneid, z.name AS zonename, o.account, o.domain, o.domainid, o.domainpath, o.project,
    o.projectid, o.account_id, 'Native' AS broadcastdomaintype, n.acl_type = 'Domain' AS isdefault,
    0 AS issystem, n.state <> 'Destroy' AS canusefordeploy, f.uuid AS networkofferingid,
    f.name AS networkofferingname, f.display_text AS networkofferingdisplaytext,
    1 AS networkofferingconservemode, f.availability AS networkofferingavailability,
    n.uuid AS related, CASE WHEN n.cidr <> '' THEN z.dns1 END AS dns1, n.acl_type AS acltype,
    n.network_domain AS networkdomain, 0 AS restartrequired, 0 AS specifyvlan,
    0 AS specifyipranges, 0 AS ispersistent, 1 AS displaynetwork, f.egress_policy AS egressdefaultpolicy,
    f.services, p.uuid AS vpcid, p.name AS vpcname, a.uuid AS aclid, a.name AS aclname,
    n.vpc_id IS NOT NULL AS forvpc, n.created
FROM networks n JOIN data_center z ON z.id = n.data_center_id
JOIN network_offerings f ON f.id = n.network_offering_id
LEFT JOIN vpc p ON p.id = n.vpc_id LEFT JOIN network_acl a ON a.id = n.network_acl_id
JOIN owner_view o ON o.account_id = n.account_id WHERE n.removed IS NULL;

DROP VIEW nic_view;
CREATE VIEW nic_view AS
SELECT w.id AS row_id, w.instance_id, w.uuid AS id, n.uuid AS networkid, n.name AS networkname,
    w.mac_address AS macaddress, f.guest_type AS type, 'Guest' AS traffictype,
    w.is_default AS isdefault,
    w.ip4_address AS ipaddress, nullif(n.cidr, '') AS cidr, nullif(n.gateway, '') AS gateway,
    w.device_id AS deviceid, v.uuid AS virtualmachineid, v.account_id, p.uuid AS vpcid,
    p.name AS vpcname
FROM nics w JOIN networks n ON n.id = w.network_id LEFT JOIN vpc p ON p.id = n.vpc_id
JOIN network_offerings f ON f.id = n.network_offering_id
JOIN vm_instance v ON v.id = w.instance_id WHERE w.removed IS NULL;

CREATE VIEW public_ip_view AS
SELECT i.id AS row_id, i.uuid AS id, i.public_ip_address AS ipaddress, i.allocated, z.uuid AS zoneid,
    z.name AS zonename, i.source_nat AS issourcenat, i.vm_id IS NOT NULL AS isstaticnat,
    v.uuid AS virtualmachineid, v.name AS virtualmachinename, v.display_name AS virtualmachinedisplayname,
    coalesce(i.dest_ip_address, w.ip4_address) AS vmipaddress, o.account, o.domain, o.domainid, o.domainpath, o.project,
    o.projectid, o.account_id, n.uuid AS associatednetworkid, n.name AS associatednetworkname,
    n.uuid AS networkid, p.uuid AS vpcid, p.name AS vpcname, i.state, 0 AS issystem,
    1 AS forvirtualnetwork, 0 AS isportable, 1 AS fordisplay,
    EXISTS (SELECT 1 FROM firewall_rules r WHERE r.ip_address_id = i.id AND r.removed IS NULL) AS hasrules
FROM user_ip_address i JOIN data_center z ON z.id = i.data_center_id
JOIN owner_view o ON o.account_id = i.account_id
LEFT JOIN vm_instance v ON v.id = i.vm_id LEFT JOIN nics w ON w.id = i.nic_id
LEFT JOIN vpc p ON p.id = i.vpc_id
LEFT JOIN networks n ON n.id = coalesce(i.network_id, w.network_id, (SELECT r.network_id
    FROM firewall_rules r WHERE r.ip_address_id = i.id AND r.removed IS NULL ORDER BY r.id LIMIT 1))
WHERE i.removed IS NULL;

CREATE VIEW firewall_rule_view AS
SELECT r.id AS row_id, r.uuid AS id, r.purpose, r.traffic_type AS traffictype, r.protocol,
    r.start_port AS startport, r.end_port AS endport, r.icmp_type AS icmptype, r.icmp_code AS icmpcode,
    i.uuid AS ipaddressid, i.public_ip_address AS ipaddress, n.uuid AS networkid, r.state,
    r.source_cidrs AS cidrlist, nullif(r.destination_cidrs, '') AS destcidrlist, 1 AS fordisplay,
    CAST(r.start_port AS TEXT) AS publicport, CAST(r.end_port AS TEXT) AS publicendport,
    CAST(r.dest_port_start AS TEXT) AS privateport, CAST(r.dest_port_end AS TEXT) AS privateendport,
    v.uuid AS virtualmachineid, v.name AS virtualmachinename, v.display_name AS virtualmachinedisplayname,
    coalesce(r.dest_ip_address, w.ip4_address) AS vmguestip, o.account, o.domainid, o.domain, o.projectid, o.account_id
FROM firewall_rules r JOIN networks n ON n.id = r.network_id
JOIN owner_view o ON o.account_id = r.account_id
LEFT JOIN user_ip_address i ON i.id = r.ip_address_id
LEFT JOIN vm_instance v ON v.id = r.instance_id LEFT JOIN nics w ON w.id = r.nic_id
WHERE r.removed IS NULL;

CREATE VIEW load_balancer_view AS
SELECT r.id AS row_id, r.uuid AS id, r.name, r.description, r.algorithm, r.protocol,
    CAST(r.start_port AS TEXT) AS publicport, CAST(r.dest_port_start AS TEXT) AS privateport,
    r.source_cidrs AS cidrlist, i.uuid AS publicipid, i.public_ip_address AS publicip,
    n.uuid AS networkid, z.uuid AS zoneid, z.name AS zonename, r.state, 1 AS fordisplay, o.account,
    o.domain, o.domainid, o.domainpath, o.project, o.projectid, o.account_id
FROM firewall_rules r JOIN networks n ON n.id = r.network_id
JOIN data_center z ON z.id = n.data_center_id JOIN owner_view o ON o.account_id = r.account_id
JOIN user_ip_address i ON i.id = r.ip_address_id
WHERE r.purpose = 'LoadBalancing' AND r.removed IS NULL;

CREATE VIEW affinity_group_view AS
SELECT g.id AS row_id, g.uuid AS id, g.name, g.type, g.description, o.account, o.domain, o.domainid,
    o.domainpath, o.project, o.projectid, o.account_id
FROM affinity_group g JOIN owner_view o ON o.account_id = g.account_id;

CREATE VIEW router_view AS
SELECT r.id AS row_id, r.uuid AS id, r.name, z.uuid AS zoneid, z.name AS zonename, z.dns1,
    p.uuid AS podid, p.name AS podname, h.uuid AS hostid, h.name AS hostname, 'KVM' AS hypervisor,
    'VIRTUAL_ROUTER' AS role, 0 AS isredundantrouter, o.account, o.domain, o.domainid, o.domainpath,
    o.account_id, r.created
FROM router r JOIN data_center z ON z.id = r.data_center_id
LEFT JOIN host h ON h.id = (SELECT id FROM host WHERE url = 'embedded' AND removed IS NULL)
LEFT JOIN host_pod_ref p ON p.id = h.pod_id
JOIN owner_view o ON o.account_id = 2;

CREATE VIEW ssh_keypair_view AS
SELECT k.id AS row_id, k.uuid AS id, k.name, k.fingerprint, o.account, o.domain, o.domainid,
    o.domainpath, o.project, o.projectid, o.account_id
FROM ssh_keypairs k JOIN owner_view o ON o.account_id = k.account_id;

CREATE VIEW user_data_view AS
SELECT u.id AS row_id, u.uuid AS id, u.name, o.account, o.accountid, o.domain, o.domainid,
    o.domainpath, o.project, o.projectid, o.account_id, u.user_data AS userdata,
    nullif(u.params, '') AS params
FROM user_data u JOIN owner_view o ON o.account_id = u.account_id WHERE u.removed IS NULL;

DROP VIEW user_vm_view;
CREATE VIEW user_vm_view AS
SELECT v.id AS row_id, v.uuid AS id, v.name, v.display_name AS displayname, o.account, o.domain,
    o.domainid, o.domainpath, o.project, o.projectid, o.account_id, v.created, v.state, 0 AS haenable, z.uuid AS zoneid, z.name AS zonename,
    h.uuid AS hostid, h.name AS hostname, t.uuid AS templateid, t.name AS templatename,
    t.display_text AS templatedisplaytext, t.enable_password AS passwordenabled, i.uuid AS isoid,
    i.name AS isoname, i.display_text AS isodisplaytext, s.uuid AS serviceofferingid,
    s.name AS serviceofferingname, s.cpu AS cpunumber, s.speed AS cpuspeed, s.ram_size AS memory,
    g.uuid AS guestosid, g.uuid AS ostypeid, g.display_name AS osdisplayname, 0 AS rootdeviceid,
    'ROOT' AS rootdevicetype, 'KVM' AS hypervisor, v.instance_name AS instancename, 1 AS displayvm,
    v.update_time AS lastupdated, v.host_id, v.removed IS NULL AS is_there, u.userid, u.username,
    v.keypairs, k.uuid AS userdataid, k.name AS userdataname
FROM vm_instance v JOIN data_center z ON z.id = v.data_center_id
JOIN owner_view o ON o.account_id = v.account_id JOIN vm_template t ON t.id = v.vm_template_id
JOIN service_offering s ON s.id = v.service_offering_id LEFT JOIN host h ON h.id = v.host_id
LEFT JOIN first_user_view u ON u.account_id = v.account_id
LEFT JOIN user_data k ON k.id = v.user_data_id
LEFT JOIN vm_template i ON i.id = v.iso_id LEFT JOIN guest_os g ON g.id = v.guest_os_id;

-- What VMs have of each host: bytes and MHz.
DROP VIEW host_view;
DROP VIEW host_load;
CREATE VIEW host_load AS
SELECT v.host_id, sum(o.ram_size) * 1048576 AS memory, sum(o.cpu * o.speed) AS mhz FROM vm_instance v
JOIN service_offering o ON o.id = v.service_offering_id
WHERE v.removed IS NULL AND v.state IN ('Starting', 'Running', 'Stopping') GROUP BY v.host_id;
CREATE VIEW host_view AS
SELECT h.id AS row_id, h.uuid AS id, h.name, h.status AS state, h.resource_state AS resourcestate,
    'Routing' AS type, 'KVM' AS hypervisor, z.uuid AS zoneid, z.name AS zonename, p.uuid AS podid,
    p.name AS podname, c.uuid AS clusterid, c.name AS clustername, 'CloudManaged' AS clustertype,
    h.cpus AS cpunumber, h.speed AS cpuspeed, coalesce(u.mhz, 0) AS cpuallocatedvalue,
    h.ram AS memorytotal, coalesce(u.memory, 0) AS memoryallocated, 'hvm' AS capabilities, 0 AS hahost,
    nullif(h.tags, '') AS hosttags, h.last_seen AS lastpinged, h.created
FROM host h JOIN data_center z ON z.id = h.data_center_id JOIN host_pod_ref p ON p.id = h.pod_id
JOIN cluster c ON c.id = h.cluster_id LEFT JOIN host_load u ON u.host_id = h.id
WHERE h.removed IS NULL;

CREATE VIEW vpc_offering_view AS
SELECT id AS row_id, uuid AS id, name, display_text AS displaytext, state, is_default AS isdefault,
    services, 0 AS distributedvpcrouter, created
FROM vpc_offerings WHERE removed IS NULL;

CREATE VIEW vpc_view AS
SELECT p.id AS row_id, p.uuid AS id, p.name, p.display_text AS displaytext, p.state, z.uuid AS zoneid,
    z.name AS zonename, p.cidr, f.uuid AS vpcofferingid, f.name AS vpcofferingname, f.services,
    p.network_domain AS networkdomain, 0 AS restartrequired, 0 AS redundantvpcrouter,
    0 AS distributedvpcrouter, 0 AS regionlevelvpc, 1 AS fordisplay, p.created, o.account, o.domain,
    o.domainid, o.domainpath, o.project, o.projectid, o.account_id
FROM vpc p JOIN data_center z ON z.id = p.data_center_id
JOIN vpc_offerings f ON f.id = p.vpc_offering_id JOIN owner_view o ON o.account_id = p.account_id
WHERE p.removed IS NULL;

CREATE VIEW network_acl_view AS
SELECT a.id AS row_id, a.uuid AS id, a.name, a.description, p.uuid AS vpcid, p.name AS vpcname,
    1 AS fordisplay, a.account_id
FROM network_acl a LEFT JOIN vpc p ON p.id = a.vpc_id WHERE a.removed IS NULL;

CREATE VIEW network_acl_item_view AS
SELECT i.id AS row_id, i.uuid AS id, a.uuid AS aclid, a.name AS aclname, i.number,
    i.traffic_type AS traffictype, i.action, i.protocol, CAST(i.start_port AS TEXT) AS startport,
    CAST(i.end_port AS TEXT) AS endport, i.icmp_type AS icmptype, i.icmp_code AS icmpcode,
    i.cidrs AS cidrlist, i.reason, i.state, 1 AS fordisplay, i.account_id
FROM network_acl_item i JOIN network_acl a ON a.id = i.acl_id WHERE i.removed IS NULL;

-- type: ingress or egress; a rule allows a block, or the VMs of another group.
CREATE TABLE security_group (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id), created TEXT NOT NULL, UNIQUE (account_id, name)
);
CREATE TABLE security_group_rule (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,
    security_group_id INTEGER NOT NULL REFERENCES security_group (id),
    account_id INTEGER NOT NULL REFERENCES account (id), type TEXT NOT NULL, protocol TEXT NOT NULL,
    start_port INTEGER, end_port INTEGER, icmp_type INTEGER, icmp_code INTEGER, allowed_cidr TEXT,
    allowed_group_id INTEGER REFERENCES security_group (id), created TEXT NOT NULL
);
CREATE TABLE security_group_vm_map (
    id INTEGER PRIMARY KEY, security_group_id INTEGER NOT NULL REFERENCES security_group (id),
    instance_id INTEGER NOT NULL REFERENCES vm_instance (id), UNIQUE (security_group_id, instance_id)
);
CREATE VIEW security_group_view AS
SELECT g.id AS row_id, g.uuid AS id, g.name, g.description, o.account, o.domain, o.domainid,
    o.domainpath, o.project, o.projectid, o.account_id
FROM security_group g JOIN owner_view o ON o.account_id = g.account_id;

-- Keys and values that accounts put on what they have; resource_uuid is that thing's id.
CREATE TABLE resource_tags (
    id INTEGER PRIMARY KEY, resource_type TEXT NOT NULL, resource_uuid TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id), key TEXT NOT NULL, value TEXT NOT NULL,
    UNIQUE (resource_uuid, resource_type, key)
);
CREATE VIEW tag_view AS
SELECT t.id AS row_id, t.key, t.value, t.resource_type AS resourcetype, t.resource_uuid AS resourceid,
    o.account, o.domain, o.domainid, o.domainpath, o.project, o.projectid, o.account_id
FROM resource_tags t JOIN owner_view o ON o.account_id = t.account_id;
