-- Version 3: who may ask over HTTP. A password is salt and scrypt of it; a secret key has to be there
-- as it is, since requests are signed with it. The file is for its owner's eyes only.

CREATE TABLE user (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, username TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id), firstname TEXT NOT NULL,
    lastname TEXT NOT NULL, email TEXT, password TEXT, api_key TEXT UNIQUE, secret_key TEXT,
    state TEXT NOT NULL DEFAULT 'enabled', created TEXT NOT NULL, removed TEXT
);

CREATE VIEW user_view AS
SELECT u.id AS row_id, u.uuid AS id, u.username, u.firstname, u.lastname, u.email, u.created, u.state,
    o.account, o.accountid, 1 AS accounttype, 'Admin' AS roletype, 'Root Admin' AS rolename,
    o.domain, o.domainid, u.api_key AS apikey, 'native' AS usersource, 1 AS iscallerchilddomain,
    u.account_id
FROM user u JOIN owner_view o ON o.account_id = u.account_id WHERE u.removed IS NULL;

CREATE VIEW account_view AS
SELECT a.id AS row_id, a.uuid AS id, a.account_name AS name, 1 AS accounttype, 'Admin' AS roletype,
    'Root Admin' AS rolename, d.uuid AS domainid, d.name AS domain, d.name AS domainpath,
    'enabled' AS state, 1 AS isdefault, a.id AS account_id
FROM account a JOIN domain d ON d.id = a.domain_id WHERE a.account_name <> 'system';

CREATE VIEW domain_view AS
SELECT id AS row_id, uuid AS id, name, name AS path, 0 AS level, 0 AS haschild, 'Active' AS state
FROM domain;
