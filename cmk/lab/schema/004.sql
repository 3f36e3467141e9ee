-- Version 4: a tree of domains, accounts with roles, what each may have, projects, who may use a
-- template, second factors. A domain's path is the one that the API shows: ROOT/sales.

UPDATE domain SET path = name;
ALTER TABLE domain ADD COLUMN parent INTEGER;
ALTER TABLE domain ADD COLUMN created TEXT;
ALTER TABLE domain ADD COLUMN removed TEXT;

-- CloudStack's default roles, by its own numbers. account_type: 0 user, 1 admin, 2 domain admin,
-- 3 resource admin.
CREATE TABLE roles (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role_type TEXT NOT NULL,
    account_type INTEGER NOT NULL, description TEXT NOT NULL
);
INSERT INTO roles VALUES
    (1, 'c5a0e3b6-0001-4c6d-9f00-636d6b2d7201', 'Root Admin', 'Admin', 1, 'may do all'),
    (2, 'c5a0e3b6-0002-4c6d-9f00-636d6b2d7202', 'Resource Admin', 'ResourceAdmin', 3, 'has no rights here'),
    (3, 'c5a0e3b6-0003-4c6d-9f00-636d6b2d7203', 'Domain Admin', 'DomainAdmin', 2, 'may do all in its domain'),
    (4, 'c5a0e3b6-0004-4c6d-9f00-636d6b2d7204', 'User', 'User', 0, 'may use what is its own or public');

-- state: enabled, disabled, locked; project: the account is a project's, and nobody's to log in to.
ALTER TABLE account ADD COLUMN role_id INTEGER NOT NULL DEFAULT 1;
ALTER TABLE account ADD COLUMN state TEXT NOT NULL DEFAULT 'enabled';
ALTER TABLE account ADD COLUMN created TEXT;
ALTER TABLE account ADD COLUMN removed TEXT;

-- The secret of a second factor (RFC 6238) as base32, and whether it has been used once.
ALTER TABLE user ADD COLUMN totp_secret TEXT;
ALTER TABLE user ADD COLUMN has_two_factors INTEGER NOT NULL DEFAULT 0;

-- How much of a type of thing an account, or all of a domain, may have; -1 is no limit.
CREATE TABLE resource_limit (
    id INTEGER PRIMARY KEY, type TEXT NOT NULL, account_id INTEGER REFERENCES account (id),
    domain_id INTEGER REFERENCES domain (id), max INTEGER NOT NULL,
    UNIQUE (type, account_id), UNIQUE (type, domain_id)
);

-- What a project has belongs to an account of its own. role: Admin or Regular.
CREATE TABLE projects (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_text TEXT NOT NULL,
    project_account_id INTEGER NOT NULL UNIQUE REFERENCES account (id),
    domain_id INTEGER NOT NULL REFERENCES domain (id), state TEXT NOT NULL DEFAULT 'Active',
    created TEXT NOT NULL, removed TEXT
);
CREATE TABLE project_account (
    id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id),
    account_id INTEGER NOT NULL REFERENCES account (id), role TEXT NOT NULL DEFAULT 'Regular',
    UNIQUE (project_id, account_id)
);

-- What may be done once with a thing by who has the token of which this is the digest, until then
-- (seconds of the epoch): see a VM's console, upload a template.
CREATE TABLE ticket (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, purpose TEXT NOT NULL,
    instance_id INTEGER NOT NULL, expires INTEGER NOT NULL
);

-- Who else may use a template that is not public.
CREATE TABLE launch_permission (
    id INTEGER PRIMARY KEY, template_id INTEGER NOT NULL REFERENCES vm_template (id),
    account_id INTEGER NOT NULL REFERENCES account (id), UNIQUE (template_id, account_id)
);

DROP VIEW owner_view;
CREATE VIEW owner_view AS
SELECT a.id AS account_id, CASE WHEN p.id IS NULL THEN a.account_name END AS account,
    a.uuid AS accountid, d.name AS domain, d.uuid AS domainid, d.path AS domainpath,
    p.name AS project, p.uuid AS projectid
FROM account a JOIN domain d ON d.id = a.domain_id
LEFT JOIN projects p ON p.project_account_id = a.id;

DROP VIEW user_view;
CREATE VIEW user_view AS
SELECT u.id AS row_id, u.uuid AS id, u.username, u.firstname, u.lastname, u.email, u.created, u.state,
    o.account, o.accountid, r.account_type AS accounttype, r.uuid AS roleid, r.role_type AS roletype,
    r.name AS rolename, o.domain, o.domainid, u.api_key AS apikey, 'native' AS usersource,
    0 AS iscallerchilddomain, u.account_id = 2 AND u.username = 'admin' AS isdefault,
    u.has_two_factors AS is2faenabled, 0 AS is2famandated, u.account_id
FROM user u JOIN account a ON a.id = u.account_id JOIN owner_view o ON o.account_id = u.account_id
JOIN roles r ON r.id = a.role_id WHERE u.removed IS NULL;

DROP VIEW account_view;
CREATE VIEW account_view AS
SELECT a.id AS row_id, a.uuid AS id, a.account_name AS name, r.account_type AS accounttype,
    r.uuid AS roleid, r.role_type AS roletype, r.name AS rolename, d.uuid AS domainid,
    d.name AS domain, d.path AS domainpath, a.state, a.id = 2 AS isdefault, a.created,
    a.id AS account_id
FROM account a JOIN domain d ON d.id = a.domain_id JOIN roles r ON r.id = a.role_id
WHERE a.removed IS NULL AND a.id <> 1
AND NOT EXISTS (SELECT 1 FROM projects p WHERE p.project_account_id = a.id);

DROP VIEW domain_view;
CREATE VIEW domain_view AS
SELECT d.id AS row_id, d.uuid AS id, d.name, d.path,
    length(d.path) - length(replace(d.path, '/', '')) AS level, p.uuid AS parentdomainid,
    p.name AS parentdomainname, 'Active' AS state, d.created,
    EXISTS (SELECT 1 FROM domain c WHERE c.parent = d.id AND c.removed IS NULL) AS haschild
FROM domain d LEFT JOIN domain p ON p.id = d.parent WHERE d.removed IS NULL;

CREATE VIEW role_view AS
SELECT id AS row_id, uuid AS id, name, role_type AS type, description, 1 AS isdefault, 1 AS ispublic,
    'enabled' AS state
FROM roles;

CREATE VIEW project_view AS
SELECT p.id AS row_id, p.uuid AS id, p.name, p.display_text AS displaytext, d.name AS domain,
    d.uuid AS domainid, p.state, p.created,
    p.project_account_id AS account_id
FROM projects p JOIN domain d ON d.id = p.domain_id WHERE p.removed IS NULL;

CREATE VIEW project_account_view AS
SELECT m.id AS row_id, p.uuid AS projectid, p.name AS project, a.uuid AS accountid,
    a.account_name AS account, r.account_type AS accounttype, m.role, d.uuid AS domainid,
    d.name AS domain
FROM project_account m JOIN projects p ON p.id = m.project_id JOIN account a ON a.id = m.account_id
JOIN domain d ON d.id = a.domain_id JOIN roles r ON r.id = a.role_id WHERE p.removed IS NULL;

-- In whose name an account's things are told of; the admin's is known before anybody asks for it.
CREATE VIEW first_user_view AS
SELECT a.id AS account_id, (SELECT u.uuid FROM user u WHERE u.account_id = a.id
    AND u.removed IS NULL ORDER BY u.id LIMIT 1) AS userid,
    coalesce((SELECT u.username FROM user u WHERE u.account_id = a.id
    AND u.removed IS NULL ORDER BY u.id LIMIT 1), a.account_name) AS username
FROM account a;

DROP VIEW template_view;
CREATE VIEW template_view AS
SELECT t.id AS template_id, z.id AS zone_id, t.uuid AS id, t.name,
    t.display_text AS displaytext, t.public AS ispublic, t.created,
    t.enable_password AS passwordenabled, t.format, t.bootable, t.featured AS isfeatured,
    t.cross_zones AS crossZones, g.uuid AS ostypeid, g.display_name AS ostypename, o.account,
    o.accountid, o.domain, o.domainid, o.domainpath, o.project, o.projectid, o.account_id,
    z.uuid AS zoneid, z.name AS zonename, t.size,
    'USER' AS templatetype, t.hypervisor_type AS hypervisor, t.extractable AS isextractable,
    nullif(substr(t.checksum, instr(t.checksum, '}') + 1), '') AS checksum,
    t.template_tag AS templatetag, t.bits, t.enable_sshkey AS sshkeyenabled,
    t.dynamically_scalable AS isdynamicallyscalable, t.direct_download AS directdownload,
    0 AS deployasis, t.hvm AS requireshvm,
    CASE WHEN t.url NOT LIKE 'upload:%' THEN t.url END AS url, t.format = 'ISO' AS is_iso,
    t.state = 'Active' AND r.removed IS NULL AS is_registered
FROM vm_template t JOIN template_zone_ref r ON r.template_id = t.id
JOIN data_center z ON z.id = r.zone_id JOIN owner_view o ON o.account_id = t.account_id
LEFT JOIN guest_os g ON g.id = t.guest_os_id;

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
    v.update_time AS lastupdated, v.host_id, v.removed IS NULL AS is_there, u.userid, u.username
FROM vm_instance v JOIN data_center z ON z.id = v.data_center_id
JOIN owner_view o ON o.account_id = v.account_id JOIN vm_template t ON t.id = v.vm_template_id
JOIN service_offering s ON s.id = v.service_offering_id LEFT JOIN host h ON h.id = v.host_id
LEFT JOIN first_user_view u ON u.account_id = v.account_id
LEFT JOIN vm_template i ON i.id = v.iso_id LEFT JOIN guest_os g ON g.id = v.guest_os_id;

DROP VIEW network_view;
CREATE VIEW network_view AS
SELECT n.id AS row_id, n.uuid AS id, n.name, n.display_text AS displaytext, 'Isolated' AS type,
    'Implemented' AS state, 'Guest' AS traffictype, n.cidr, n.gateway, z.uuid AS zoneid,
    z.name AS zonename, o.account, o.domain, o.domainid, o.domainpath, o.account_id,
    'Native' AS broadcastdomaintype, 1 AS isdefault, 0 AS issystem, 1 AS canusefordeploy, n.created
FROM networks n JOIN data_center z ON z.id = n.data_center_id
JOIN owner_view o ON o.account_id = n.account_id;

DROP VIEW async_job_view;
CREATE VIEW async_job_view AS
SELECT j.id AS row_id, j.uuid AS jobid, j.job_cmd AS cmd, j.job_status AS jobstatus,
    0 AS jobprocstatus, j.job_result_code AS jobresultcode,
    CASE WHEN j.job_status <> 0 THEN 'object' END AS jobresulttype, j.job_result AS jobresult,
    j.instance_type AS jobinstancetype, j.instance_uuid AS jobinstanceid, o.accountid,
    o.account, o.domainid, o.domainpath, u.userid, o.account_id, j.created,
    CASE WHEN j.job_status <> 0 THEN j.last_updated END AS completed, j.progress, j.warnings,
    (SELECT count(*) FROM async_job b WHERE b.job_status = 0 AND b.progress IS NULL
        AND b.id < j.id) AS before_it
FROM async_job j JOIN owner_view o ON o.account_id = j.account_id
LEFT JOIN first_user_view u ON u.account_id = j.account_id WHERE j.removed IS NULL;

DROP VIEW event_view;
CREATE VIEW event_view AS
SELECT e.id AS row_id, e.uuid AS id, e.type, e.state, e.level, e.description,
    e.resource_type AS resourcetype, e.resource_uuid AS resourceid, u.username, o.account,
    o.domain, o.domainid, o.domainpath, o.project, o.projectid, o.account_id, e.created
FROM event e JOIN owner_view o ON o.account_id = e.account_id
LEFT JOIN first_user_view u ON u.account_id = e.account_id;

CREATE VIEW os_category_view AS
SELECT id AS row_id, uuid AS id, name, 1 AS isfeatured FROM guest_os_category;

CREATE VIEW volume_view AS
SELECT d.id AS row_id, d.uuid AS id, d.name, z.uuid AS zoneid, z.name AS zonename,
    d.volume_type AS type, 0 AS deviceid, v.uuid AS virtualmachineid, v.name AS vmname,
    v.display_name AS vmdisplayname, v.state AS vmstate, 'User' AS vmtype, t.uuid AS templateid,
    t.name AS templatename, t.display_text AS templatedisplaytext, 'thin' AS provisioningtype,
    coalesce(d.size, t.size) AS size, d.created, d.state, o.account, o.domain, o.domainid,
    o.domainpath, o.project, o.projectid, o.account_id,
    CASE WHEN p.scope = 'HOST' THEN 'local' ELSE 'shared' END AS storagetype, 'KVM' AS hypervisor,
    p.name AS storage, p.uuid AS storageid, s.uuid AS serviceofferingid,
    s.name AS serviceofferingname, f.uuid AS diskofferingid, f.name AS diskofferingname, d.path,
    0 AS isextractable, 1 AS displayvolume, 0 AS destroyed
FROM volumes d JOIN vm_instance v ON v.id = d.instance_id
JOIN data_center z ON z.id = v.data_center_id JOIN owner_view o ON o.account_id = v.account_id
JOIN service_offering s ON s.id = v.service_offering_id
LEFT JOIN vm_template t ON t.id = d.template_id LEFT JOIN storage_pool p ON p.id = d.pool_id
LEFT JOIN disk_offering f ON f.id = d.disk_offering_id WHERE d.removed IS NULL;

-- What hosts and pools of a zone have and have given away: memory in bytes, CPUs in MHz.
CREATE VIEW host_capacity AS
SELECT h.data_center_id, count(*) AS hosts, sum(h.ram) AS memory, sum(h.cpus * h.speed) AS mhz,
    (SELECT coalesce(sum(o.ram_size), 0) * 1048576 FROM vm_instance v
        JOIN service_offering o ON o.id = v.service_offering_id WHERE v.removed IS NULL
        AND v.data_center_id = h.data_center_id
        AND v.state IN ('Starting', 'Running', 'Stopping')) AS used_memory,
    (SELECT coalesce(sum(o.cpu * o.speed), 0) FROM vm_instance v
        JOIN service_offering o ON o.id = v.service_offering_id WHERE v.removed IS NULL
        AND v.data_center_id = h.data_center_id
        AND v.state IN ('Starting', 'Running', 'Stopping')) AS used_mhz
FROM host h WHERE h.removed IS NULL GROUP BY h.data_center_id;
CREATE VIEW pool_capacity AS
SELECT s.data_center_id, coalesce(sum(s.capacity), 0) AS capacity, coalesce(sum(s.used), 0) AS used,
    (SELECT coalesce(sum(d.size), 0) FROM volumes d JOIN storage_pool p ON p.id = d.pool_id
        WHERE d.removed IS NULL AND p.data_center_id = s.data_center_id) AS allocated
FROM storage_pool s WHERE s.removed IS NULL GROUP BY s.data_center_id;

-- Faults on demand, as CloudStack's simulator has them: what happens at an API or a step of hosts,
-- how often still (NULL: always) and how often it has. wait in ms; code NULL: it does not fail.
CREATE TABLE mock_configuration (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, command TEXT NOT NULL,
    host_id INTEGER REFERENCES host (id), wait INTEGER NOT NULL DEFAULT 0, code INTEGER, text TEXT,
    remaining INTEGER, used INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL, removed TEXT
);

CREATE VIEW mock_view AS
SELECT m.id AS row_id, m.id, m.name, m.command, h.uuid AS hostid, m.remaining AS count, m.used,
    m.wait, m.code, m.text, m.created
FROM mock_configuration m LEFT JOIN host h ON h.id = m.host_id WHERE m.removed IS NULL;
