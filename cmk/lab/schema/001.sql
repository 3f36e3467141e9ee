-- Version 1 of the lab's store. Table and column names are CloudStack's where it has them.
-- Times are text as the API shows them: 2026-01-31T10:00:00+0000, always UTC.

CREATE TABLE lab (uuid TEXT NOT NULL, created TEXT NOT NULL);

CREATE TABLE configuration (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE domain (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, path TEXT NOT NULL
);

CREATE TABLE account (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, account_name TEXT NOT NULL,
    domain_id INTEGER NOT NULL REFERENCES domain (id)
);

CREATE TABLE data_center (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '', networktype TEXT NOT NULL DEFAULT 'Advanced',
    dns1 TEXT NOT NULL, internal_dns1 TEXT NOT NULL,
    allocation_state TEXT NOT NULL DEFAULT 'Enabled', removed TEXT
);

-- location is the country (ISO 3166-1) that mirrors are preferred from.
CREATE TABLE data_center_details (
    dc_id INTEGER NOT NULL REFERENCES data_center (id), name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (dc_id, name)
);

CREATE TABLE host_pod_ref (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    data_center_id INTEGER NOT NULL REFERENCES data_center (id),
    gateway TEXT NOT NULL DEFAULT '10.0.2.2', netmask TEXT NOT NULL DEFAULT '255.255.255.0',
    startip TEXT NOT NULL DEFAULT '10.0.2.15',
    allocation_state TEXT NOT NULL DEFAULT 'Enabled', removed TEXT
);

CREATE TABLE cluster (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    pod_id INTEGER NOT NULL REFERENCES host_pod_ref (id),
    hypervisor_type TEXT NOT NULL DEFAULT 'KVM',
    allocation_state TEXT NOT NULL DEFAULT 'Enabled', removed TEXT
);

-- url: 'embedded' is the lab's own libvirt daemon on this machine; anything else a libvirt URI.
-- speed in MHz, ram in bytes; tags separated by commas; status Up, Down or Alert, since `last_seen`
-- it was not reached, for this reason.
CREATE TABLE host (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    data_center_id INTEGER NOT NULL REFERENCES data_center (id),
    pod_id INTEGER NOT NULL REFERENCES host_pod_ref (id),
    cluster_id INTEGER NOT NULL REFERENCES cluster (id),
    url TEXT NOT NULL, cpus INTEGER NOT NULL, speed INTEGER NOT NULL, ram INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'Up', resource_state TEXT NOT NULL DEFAULT 'Enabled',
    tags TEXT NOT NULL DEFAULT '', last_seen TEXT, reason TEXT,
    created TEXT NOT NULL, removed TEXT
);
CREATE INDEX host_cluster ON host (cluster_id);

CREATE TABLE host_details (
    host_id INTEGER NOT NULL REFERENCES host (id), name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (host_id, name)
);

-- scope HOST: only the VMs of host_id can use it; CLUSTER: those of cluster_id; ZONE: all. The same
-- path on each host that reaches it. capacity and used in bytes, as a host last told them.
CREATE TABLE storage_pool (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    pool_type TEXT NOT NULL DEFAULT 'Filesystem', scope TEXT NOT NULL DEFAULT 'HOST',
    data_center_id INTEGER NOT NULL REFERENCES data_center (id),
    host_id INTEGER REFERENCES host (id), cluster_id INTEGER REFERENCES cluster (id),
    path TEXT NOT NULL, tags TEXT NOT NULL DEFAULT '', capacity INTEGER, used INTEGER,
    status TEXT NOT NULL DEFAULT 'Up', created TEXT NOT NULL, removed TEXT
);
CREATE INDEX storage_pool_host ON storage_pool (host_id);

-- What a failed attempt has left on a host that could not be reached: it goes when that can be.
CREATE TABLE residue (
    id INTEGER PRIMARY KEY, host_id INTEGER NOT NULL REFERENCES host (id),
    pool_id INTEGER REFERENCES storage_pool (id), vm_uuid TEXT NOT NULL, path TEXT,
    created TEXT NOT NULL
);

CREATE TABLE networks (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_text TEXT NOT NULL,
    data_center_id INTEGER NOT NULL REFERENCES data_center (id),
    account_id INTEGER NOT NULL REFERENCES account (id),
    cidr TEXT NOT NULL, gateway TEXT NOT NULL, created TEXT NOT NULL
);

CREATE TABLE guest_os_category (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL
);

CREATE TABLE guest_os (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL,
    category_id INTEGER NOT NULL REFERENCES guest_os_category (id)
);

-- speed in MHz, ram_size in MiB.
CREATE TABLE service_offering (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_text TEXT NOT NULL,
    cpu INTEGER NOT NULL, speed INTEGER NOT NULL, ram_size INTEGER NOT NULL,
    host_tag TEXT NOT NULL DEFAULT '', storage_tags TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL, removed TEXT
);

-- disk_size in bytes.
CREATE TABLE disk_offering (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_text TEXT NOT NULL,
    disk_size INTEGER NOT NULL, storage_tags TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL, removed TEXT
);

-- Templates and ISOs. size is the virtual size in bytes where it is known at registration;
-- checksum as it was given, with its {ALG}; checksum_from names who published it, NULL where it was
-- given at registration; etag and last_modified are the source's validators;
-- metalink is what was read of one (or of RFC 6249 headers), as JSON: mirrors, size, digest, pieces.
CREATE TABLE vm_template (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_text TEXT NOT NULL,
    format TEXT NOT NULL, hypervisor_type TEXT NOT NULL, url TEXT NOT NULL,
    direct_download INTEGER NOT NULL DEFAULT 0, checksum TEXT, checksum_from TEXT,
    size INTEGER, url_size INTEGER,
    guest_os_id INTEGER REFERENCES guest_os (id),
    account_id INTEGER NOT NULL REFERENCES account (id),
    bootable INTEGER NOT NULL DEFAULT 1, public INTEGER NOT NULL DEFAULT 0,
    featured INTEGER NOT NULL DEFAULT 0, extractable INTEGER NOT NULL DEFAULT 0,
    enable_password INTEGER NOT NULL DEFAULT 0, enable_sshkey INTEGER NOT NULL DEFAULT 0,
    hvm INTEGER NOT NULL DEFAULT 1, bits INTEGER NOT NULL DEFAULT 64,
    dynamically_scalable INTEGER NOT NULL DEFAULT 0, template_tag TEXT,
    cross_zones INTEGER NOT NULL DEFAULT 0, etag TEXT, last_modified TEXT, metalink TEXT,
    state TEXT NOT NULL DEFAULT 'Active', created TEXT NOT NULL, removed TEXT
);

CREATE TABLE vm_template_details (
    template_id INTEGER NOT NULL REFERENCES vm_template (id), name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (template_id, name)
);

CREATE TABLE template_zone_ref (
    template_id INTEGER NOT NULL REFERENCES vm_template (id),
    zone_id INTEGER NOT NULL REFERENCES data_center (id), created TEXT NOT NULL, removed TEXT,
    PRIMARY KEY (template_id, zone_id)
);

-- Secondary storage: a directory on the lab's own machine.
CREATE TABLE image_store (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, url TEXT NOT NULL,
    path TEXT NOT NULL, data_center_id INTEGER NOT NULL REFERENCES data_center (id),
    created TEXT NOT NULL, removed TEXT
);
CREATE UNIQUE INDEX image_store_path ON image_store (path) WHERE removed IS NULL;

-- One row a template and zone with an image store: its copy there, as template_spool_ref below has
-- copies on pools. A directly downloaded template has one row with no store: BYPASSED and Ready.
CREATE TABLE template_store_ref (
    id INTEGER PRIMARY KEY, store_id INTEGER REFERENCES image_store (id),
    template_id INTEGER NOT NULL REFERENCES vm_template (id),
    store_role TEXT NOT NULL DEFAULT 'Image', state TEXT NOT NULL, download_state TEXT NOT NULL,
    download_pct INTEGER NOT NULL DEFAULT 0, error_str TEXT, install_path TEXT,
    size INTEGER NOT NULL DEFAULT 0, physical_size INTEGER, stored_digest TEXT,
    destroyed INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL
);
CREATE INDEX template_store_ref_template ON template_store_ref (template_id);

-- One row a copy of a template on a pool. template_size is the virtual size, physical_size the
-- file's; inode and mtime are what the file showed when it was recorded, so that a file changed
-- behind our back is not trusted. served_digest is of the bytes as served, stored_digest of the
-- file in the pool, both sha-256; checksum what the former was verified with. mirrors (JSON) gave the bytes; url, etag and last_modified are of
-- the one that came last. stale: the file behind the URL is not this any more. next_path is the
-- name of a newer version that is being fetched beside it. marked_for_gc: unused since this time.
CREATE TABLE template_spool_ref (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,
    pool_id INTEGER NOT NULL REFERENCES storage_pool (id),
    template_id INTEGER NOT NULL REFERENCES vm_template (id),
    job_id INTEGER REFERENCES async_job (id),
    state TEXT NOT NULL DEFAULT 'Allocated', download_state TEXT NOT NULL DEFAULT 'NOT_DOWNLOADED',
    download_pct INTEGER NOT NULL DEFAULT 0, error_str TEXT,
    local_path TEXT NOT NULL, install_path TEXT NOT NULL,
    template_size INTEGER, physical_size INTEGER, inode INTEGER, mtime INTEGER,
    served_digest TEXT, stored_digest TEXT, checksum TEXT, mirrors TEXT, url TEXT, etag TEXT, last_modified TEXT,
    stale INTEGER NOT NULL DEFAULT 0, next_path TEXT, marked_for_gc TEXT,
    created TEXT NOT NULL, updated TEXT NOT NULL, UNIQUE (pool_id, template_id)
);
CREATE INDEX template_spool_ref_template ON template_spool_ref (template_id);

-- Files of ours in a pool that no template needs any more: they go when no disk stands on them.
CREATE TABLE orphan (
    id INTEGER PRIMARY KEY, pool_id INTEGER NOT NULL REFERENCES storage_pool (id),
    path TEXT NOT NULL, template_id INTEGER NOT NULL REFERENCES vm_template (id),
    UNIQUE (pool_id, path)
);

-- Certificates that downloads of a zone's hosts trust besides the system's; in PEM.
CREATE TABLE direct_download_certificate (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, alias TEXT NOT NULL,
    certificate TEXT NOT NULL, hypervisor_type TEXT NOT NULL,
    zone_id INTEGER NOT NULL REFERENCES data_center (id), UNIQUE (alias, hypervisor_type, zone_id)
);
CREATE TABLE direct_download_certificate_host_map (
    certificate_id INTEGER NOT NULL REFERENCES direct_download_certificate (id),
    host_id INTEGER NOT NULL REFERENCES host (id), revoked INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (certificate_id, host_id)
);

-- name is the host name inside the network, instance_name libvirt's; iso_id the ISO in the drive.
CREATE TABLE vm_instance (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, display_name TEXT NOT NULL,
    instance_name TEXT, state TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id),
    data_center_id INTEGER NOT NULL REFERENCES data_center (id),
    host_id INTEGER REFERENCES host (id), last_host_id INTEGER REFERENCES host (id),
    vm_template_id INTEGER NOT NULL REFERENCES vm_template (id),
    iso_id INTEGER REFERENCES vm_template (id),
    service_offering_id INTEGER NOT NULL REFERENCES service_offering (id),
    guest_os_id INTEGER REFERENCES guest_os (id), virt_type TEXT,
    created TEXT NOT NULL, update_time TEXT NOT NULL, removed TEXT
);
CREATE UNIQUE INDEX vm_instance_name ON vm_instance (name) WHERE removed IS NULL AND state <> 'Error';
CREATE INDEX vm_instance_state ON vm_instance (state);
CREATE INDEX vm_instance_host ON vm_instance (host_id);
CREATE INDEX vm_instance_template ON vm_instance (vm_template_id);

-- size is the virtual size in bytes; path the file's name in its pool.
CREATE TABLE volumes (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    instance_id INTEGER REFERENCES vm_instance (id), volume_type TEXT NOT NULL DEFAULT 'ROOT',
    pool_id INTEGER REFERENCES storage_pool (id), template_id INTEGER REFERENCES vm_template (id),
    disk_offering_id INTEGER REFERENCES disk_offering (id), base_path TEXT,
    path TEXT, size INTEGER, state TEXT NOT NULL DEFAULT 'Allocated',
    created TEXT NOT NULL, removed TEXT
);
CREATE INDEX volumes_instance ON volumes (instance_id);
CREATE INDEX volumes_template ON volumes (template_id);
CREATE INDEX volumes_base ON volumes (pool_id, base_path);

CREATE TABLE nics (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,
    instance_id INTEGER NOT NULL REFERENCES vm_instance (id),
    network_id INTEGER NOT NULL REFERENCES networks (id), mac_address TEXT NOT NULL UNIQUE
);
CREATE INDEX nics_instance ON nics (instance_id);

-- job_status 0 in progress, 1 succeeded, 2 failed. progress is JSON: phase, bytes, total, rate;
-- warnings a JSON list of sentences for whoever waits.
CREATE TABLE async_job (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, account_id INTEGER NOT NULL,
    job_cmd TEXT NOT NULL, job_cmd_info TEXT NOT NULL,
    instance_type TEXT, instance_uuid TEXT, instance_id INTEGER,
    job_status INTEGER NOT NULL DEFAULT 0, job_result_code INTEGER NOT NULL DEFAULT 0,
    job_result TEXT, progress TEXT, warnings TEXT, cancelled INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
    created TEXT NOT NULL, last_updated TEXT, removed TEXT
);
CREATE INDEX async_job_pending ON async_job (job_status) WHERE job_status = 0;
CREATE INDEX async_job_instance ON async_job (instance_type, instance_id) WHERE job_status = 0;

CREATE TABLE event (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, type TEXT NOT NULL, state TEXT NOT NULL,
    level TEXT NOT NULL, description TEXT NOT NULL, account_id INTEGER NOT NULL,
    resource_type TEXT, resource_uuid TEXT, created TEXT NOT NULL
);
