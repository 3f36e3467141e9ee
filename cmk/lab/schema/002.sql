-- Version 2: what list APIs show, under the APIs' own names (CloudStack has such views too), and the
-- story of a failed job, line by line. row_id orders rows and joins them to what belongs to them.

ALTER TABLE async_job ADD COLUMN story TEXT;

CREATE VIEW owner_view AS
SELECT a.id AS account_id, a.account_name AS account, a.uuid AS accountid, d.name AS domain,
    d.uuid AS domainid
FROM account a JOIN domain d ON d.id = a.domain_id;

CREATE VIEW zone_view AS
SELECT id AS row_id, uuid AS id, name, description, networktype, dns1, internal_dns1 AS internaldns1,
    allocation_state AS allocationstate, 'QEMU' AS dhcpprovider, 1 AS localstorageenabled,
    0 AS securitygroupsenabled
FROM data_center WHERE removed IS NULL;

CREATE VIEW pod_view AS
SELECT p.id AS row_id, p.uuid AS id, p.name, z.uuid AS zoneid, z.name AS zonename, p.gateway,
    p.netmask, p.startip, p.allocation_state AS allocationstate
FROM host_pod_ref p JOIN data_center z ON z.id = p.data_center_id WHERE p.removed IS NULL;

CREATE VIEW cluster_view AS
SELECT c.id AS row_id, c.uuid AS id, c.name, p.uuid AS podid, p.name AS podname, z.uuid AS zoneid,
    z.name AS zonename, 'KVM' AS hypervisor, 'KVM' AS hypervisortype, 'CloudManaged' AS clustertype,
    c.allocation_state AS allocationstate, 'Managed' AS managedstate
FROM cluster c JOIN host_pod_ref p ON p.id = c.pod_id JOIN data_center z ON z.id = p.data_center_id
WHERE c.removed IS NULL;

-- The memory of a host's VMs that are not stopped, in bytes.
CREATE VIEW host_load AS
SELECT v.host_id, sum(o.ram_size) * 1048576 AS memory FROM vm_instance v
JOIN service_offering o ON o.id = v.service_offering_id
WHERE v.removed IS NULL AND v.state IN ('Starting', 'Running', 'Stopping') GROUP BY v.host_id;

CREATE VIEW host_view AS
SELECT h.id AS row_id, h.uuid AS id, h.name, h.status AS state, h.resource_state AS resourcestate,
    'Routing' AS type, 'KVM' AS hypervisor, z.uuid AS zoneid, z.name AS zonename, p.uuid AS podid,
    p.name AS podname, c.uuid AS clusterid, c.name AS clustername, h.cpus AS cpunumber,
    h.speed AS cpuspeed, h.ram AS memorytotal, (SELECT coalesce(sum(o.ram_size), 0) * 1048576
        FROM vm_instance v JOIN service_offering o ON o.id = v.service_offering_id
        WHERE v.host_id = h.id AND v.removed IS NULL
        AND v.state IN ('Starting', 'Running', 'Stopping')) AS memoryallocated,
    nullif(h.tags, '') AS hosttags, h.last_seen AS lastpinged, h.created
FROM host h JOIN data_center z ON z.id = h.data_center_id JOIN host_pod_ref p ON p.id = h.pod_id
JOIN cluster c ON c.id = h.cluster_id WHERE h.removed IS NULL;

-- Which hosts reach which pools.
CREATE VIEW reach AS
SELECT h.id AS host_id, s.id AS pool_id, s.scope <> 'HOST' AS shared FROM host h JOIN storage_pool s
ON s.scope = 'HOST' AND s.host_id = h.id OR s.scope = 'CLUSTER' AND s.cluster_id = h.cluster_id
    OR s.scope = 'ZONE' AND s.data_center_id = h.data_center_id
WHERE h.removed IS NULL;

CREATE VIEW storage_pool_view AS
SELECT s.id AS row_id, s.uuid AS id, s.name, s.status AS state, s.pool_type AS type, s.scope, s.path,
    z.uuid AS zoneid, z.name AS zonename, p.uuid AS podid, p.name AS podname, c.uuid AS clusterid,
    c.name AS clustername, 'KVM' AS hypervisor, s.capacity AS disksizetotal, s.used AS disksizeused,
    (SELECT coalesce(sum(v.size), 0) FROM volumes v
        WHERE v.pool_id = s.id AND v.removed IS NULL) AS disksizeallocated,
    nullif(s.tags, '') AS tags, s.created, h.url AS hosturl
FROM storage_pool s JOIN data_center z ON z.id = s.data_center_id
LEFT JOIN host h ON h.id = s.host_id LEFT JOIN cluster c ON c.id = coalesce(s.cluster_id, h.cluster_id)
LEFT JOIN host_pod_ref p ON p.id = c.pod_id WHERE s.removed IS NULL;

CREATE VIEW network_view AS
SELECT n.id AS row_id, n.uuid AS id, n.name, n.display_text AS displaytext, 'Isolated' AS type,
    'Implemented' AS state, 'Guest' AS traffictype, n.cidr, n.gateway, z.uuid AS zoneid,
    z.name AS zonename, o.account, o.domain, o.domainid, o.account_id,
    'Native' AS broadcastdomaintype, 1 AS isdefault, 0 AS issystem, 1 AS canusefordeploy, n.created
FROM networks n JOIN data_center z ON z.id = n.data_center_id
JOIN owner_view o ON o.account_id = n.account_id;

CREATE VIEW guest_os_view AS
SELECT g.id AS row_id, g.uuid AS id, g.display_name AS description, c.uuid AS oscategoryid,
    0 AS isuserdefined
FROM guest_os g JOIN guest_os_category c ON c.id = g.category_id;

CREATE VIEW service_offering_view AS
SELECT id AS row_id, uuid AS id, name, display_text AS displaytext, cpu AS cpunumber,
    speed AS cpuspeed, ram_size AS memory, 'local' AS storagetype, 0 AS iscustomized, 0 AS issystem,
    nullif(host_tag, '') AS hosttags, nullif(storage_tags, '') AS storagetags, created
FROM service_offering WHERE removed IS NULL;

CREATE VIEW disk_offering_view AS
SELECT id AS row_id, uuid AS id, name, display_text AS displaytext, disk_size >> 30 AS disksize,
    'local' AS storagetype, 0 AS iscustomized, nullif(storage_tags, '') AS tags, created
FROM disk_offering WHERE removed IS NULL;

-- A row a template and zone that it is (or was) registered in.
CREATE VIEW template_view AS
SELECT t.id AS template_id, z.id AS zone_id, t.uuid AS id, t.name,
    t.display_text AS displaytext, t.public AS ispublic, t.created,
    t.enable_password AS passwordenabled, t.format, t.bootable, t.featured AS isfeatured,
    t.cross_zones AS crossZones, g.uuid AS ostypeid, g.display_name AS ostypename, o.account,
    o.accountid, o.domain, o.domainid, o.account_id, z.uuid AS zoneid, z.name AS zonename, t.size,
    'USER' AS templatetype, t.hypervisor_type AS hypervisor, t.extractable AS isextractable,
    nullif(substr(t.checksum, instr(t.checksum, '}') + 1), '') AS checksum,
    t.template_tag AS templatetag, t.bits, t.enable_sshkey AS sshkeyenabled,
    t.dynamically_scalable AS isdynamicallyscalable, t.direct_download AS directdownload,
    0 AS deployasis, t.hvm AS requireshvm, t.url, t.format = 'ISO' AS is_iso,
    t.state = 'Active' AND r.removed IS NULL AS is_registered
FROM vm_template t JOIN template_zone_ref r ON r.template_id = t.id
JOIN data_center z ON z.id = r.zone_id JOIN owner_view o ON o.account_id = t.account_id
LEFT JOIN guest_os g ON g.id = t.guest_os_id;

CREATE VIEW image_store_view AS
SELECT s.id AS row_id, s.uuid AS id, s.name, s.url, 'file' AS protocol, 'Directory' AS providername,
    'Directory' AS provider, 'ZONE' AS scope, z.uuid AS zoneid, z.name AS zonename, 0 AS readonly,
    s.path
FROM image_store s JOIN data_center z ON z.id = s.data_center_id WHERE s.removed IS NULL;

CREATE VIEW template_spool_ref_view AS
SELECT c.id AS row_id, c.uuid AS id, t.uuid AS templateid, t.name AS templatename, t.account_id,
    s.uuid AS storageid, s.name AS storagename, c.state, c.download_state AS downloadstate,
    c.download_pct AS downloadpercent, c.error_str AS errortext,
    s.path || '/' || c.install_path AS path, c.physical_size AS size,
    '{SHA-256}' || c.stored_digest AS checksum, c.created, c.updated
FROM template_spool_ref c JOIN vm_template t ON t.id = c.template_id
JOIN storage_pool s ON s.id = c.pool_id;

CREATE VIEW certificate_view AS
SELECT c.id AS row_id, c.uuid AS id, c.alias, z.uuid AS zoneid, z.name AS zonename,
    c.hypervisor_type AS hypervisor, c.certificate
FROM direct_download_certificate c JOIN data_center z ON z.id = c.zone_id;

CREATE VIEW user_vm_view AS
SELECT v.id AS row_id, v.uuid AS id, v.name, v.display_name AS displayname, o.account, o.domain,
    o.domainid, o.account_id, v.created, v.state, 0 AS haenable, z.uuid AS zoneid, z.name AS zonename,
    h.uuid AS hostid, h.name AS hostname, t.uuid AS templateid, t.name AS templatename,
    t.display_text AS templatedisplaytext, t.enable_password AS passwordenabled, i.uuid AS isoid,
    i.name AS isoname, i.display_text AS isodisplaytext, s.uuid AS serviceofferingid,
    s.name AS serviceofferingname, s.cpu AS cpunumber, s.speed AS cpuspeed, s.ram_size AS memory,
    g.uuid AS guestosid, g.uuid AS ostypeid, g.display_name AS osdisplayname, 0 AS rootdeviceid,
    'ROOT' AS rootdevicetype, 'KVM' AS hypervisor, v.instance_name AS instancename, 1 AS displayvm,
    v.update_time AS lastupdated, v.host_id, v.removed IS NULL AS is_there
FROM vm_instance v JOIN data_center z ON z.id = v.data_center_id
JOIN owner_view o ON o.account_id = v.account_id JOIN vm_template t ON t.id = v.vm_template_id
JOIN service_offering s ON s.id = v.service_offering_id LEFT JOIN host h ON h.id = v.host_id
LEFT JOIN vm_template i ON i.id = v.iso_id LEFT JOIN guest_os g ON g.id = v.guest_os_id;

CREATE VIEW nic_view AS
SELECT w.id AS row_id, w.instance_id, w.uuid AS id, n.uuid AS networkid, n.name AS networkname,
    w.mac_address AS macaddress, 'Isolated' AS type, 'Guest' AS traffictype, 1 AS isdefault
FROM nics w JOIN networks n ON n.id = w.network_id;

-- before_it: how many jobs that nobody has begun wait before this one.
CREATE VIEW async_job_view AS
SELECT j.id AS row_id, j.uuid AS jobid, j.job_cmd AS cmd, j.job_status AS jobstatus,
    0 AS jobprocstatus, j.job_result_code AS jobresultcode,
    CASE WHEN j.job_status <> 0 THEN 'object' END AS jobresulttype, j.job_result AS jobresult,
    j.instance_type AS jobinstancetype, j.instance_uuid AS jobinstanceid, o.accountid,
    o.accountid AS userid, o.account_id, j.created,
    CASE WHEN j.job_status <> 0 THEN j.last_updated END AS completed, j.progress, j.warnings,
    (SELECT count(*) FROM async_job b WHERE b.job_status = 0 AND b.progress IS NULL
        AND b.id < j.id) AS before_it
FROM async_job j JOIN owner_view o ON o.account_id = j.account_id WHERE j.removed IS NULL;

CREATE VIEW event_view AS
SELECT e.id AS row_id, e.uuid AS id, e.type, e.state, e.level, e.description,
    e.resource_type AS resourcetype, e.resource_uuid AS resourceid, 'admin' AS username, o.account,
    o.domain, o.domainid, o.account_id, e.created
FROM event e JOIN owner_view o ON o.account_id = e.account_id;
