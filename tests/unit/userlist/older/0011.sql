BEGIN TRANSACTION;
CREATE TABLE addresses (
	user_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	address TEXT NOT NULL, 
	CONSTRAINT pk_addresses PRIMARY KEY (user_id, position), 
	CONSTRAINT ck_addresses_address CHECK (length(address) BETWEEN 3 AND 254), 
	CONSTRAINT ck_addresses_position CHECK (position >= 0), 
	CONSTRAINT fk_addresses_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "addresses" VALUES(1,0,'ann@example.com');
INSERT INTO "addresses" VALUES(1,1,'bü@example.com');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0011');
CREATE TABLE changes (number INTEGER NOT NULL PRIMARY KEY, mark BLOB NOT NULL, key BLOB);
INSERT INTO "changes" VALUES(0,X'6E7E28AD77694B8FEB7C7913E8953527',NULL);
INSERT INTO "changes" VALUES(1,X'E30BE437469215AF889BD59831945A31',X'00');
CREATE TABLE companies (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	user_limit INTEGER DEFAULT '0' NOT NULL, 
	is_default BOOLEAN DEFAULT 0 NOT NULL, 
	policy TEXT DEFAULT '' NOT NULL, 
	deleted BIGINT, 
	revision INTEGER NOT NULL, 
	created BIGINT NOT NULL, 
	changed BIGINT NOT NULL, 
	CONSTRAINT ck_companies_name CHECK (length(name) BETWEEN 1 AND 32), 
	CONSTRAINT ck_companies_user_limit CHECK (user_limit >= 0), 
	CONSTRAINT uq_companies_name_key UNIQUE (name_key)
);
CREATE TABLE company_domains (
	"key" TEXT NOT NULL, 
	company_id INTEGER NOT NULL, 
	CONSTRAINT pk_company_domains PRIMARY KEY ("key"), 
	CONSTRAINT ck_company_domains_key CHECK (key <> ''), 
	CONSTRAINT fk_company_domains_company_id_companies FOREIGN KEY(company_id) REFERENCES companies (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE former_passwords (
	user_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	password TEXT NOT NULL, 
	CONSTRAINT pk_former_passwords PRIMARY KEY (user_id, number), 
	CONSTRAINT fk_former_passwords_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "former_passwords" VALUES(1,1,'{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=');
CREATE TABLE group_addresses (
	group_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	address TEXT NOT NULL, 
	CONSTRAINT pk_group_addresses PRIMARY KEY (group_id, position), 
	CONSTRAINT fk_group_addresses_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE group_groups (
	group_id INTEGER NOT NULL, 
	member_id INTEGER NOT NULL, 
	CONSTRAINT pk_group_groups PRIMARY KEY (group_id, member_id), 
	CONSTRAINT ck_group_groups_member_id CHECK (group_id <> member_id), 
	CONSTRAINT fk_group_groups_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_groups_member_id_groups FOREIGN KEY(member_id) REFERENCES groups (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE group_names (
	"key" TEXT NOT NULL, 
	group_id INTEGER NOT NULL, 
	CONSTRAINT pk_group_names PRIMARY KEY ("key"), 
	CONSTRAINT ck_group_names_key CHECK (key <> ''), 
	CONSTRAINT fk_group_names_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE group_users (
	group_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	CONSTRAINT pk_group_users PRIMARY KEY (group_id, user_id), 
	CONSTRAINT fk_group_users_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_users_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE groups (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	or_name_key TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	created BIGINT NOT NULL, 
	changed BIGINT NOT NULL, 
	surname TEXT NOT NULL, 
	given_name TEXT NOT NULL, 
	initials TEXT NOT NULL, 
	generation TEXT NOT NULL, 
	common_name TEXT NOT NULL, 
	ou1 TEXT NOT NULL, 
	ou2 TEXT NOT NULL, 
	ou3 TEXT NOT NULL, 
	ou4 TEXT NOT NULL, company_id INTEGER, 
	CONSTRAINT ck_groups_name CHECK (length(name) BETWEEN 1 AND 64), 
	CONSTRAINT ck_groups_or_name CHECK (surname <> '' OR common_name <> ''), 
	CONSTRAINT ck_groups_revision CHECK (revision >= 1), 
	CONSTRAINT uq_groups_name_key UNIQUE (name_key), 
	CONSTRAINT uq_groups_or_name_key UNIQUE (or_name_key)
);
CREATE TABLE keys (
	name TEXT NOT NULL, 
	"key" BLOB NOT NULL, 
	CONSTRAINT pk_keys PRIMARY KEY (name)
)
 WITHOUT ROWID

;
INSERT INTO "keys" VALUES('pretence',X'17CE7214260FD06D451DB363D5EAACADD697C0014918A7EE09AB4B300645047D');
CREATE TABLE last_logins (
	user_id INTEGER NOT NULL, 
	moment BIGINT NOT NULL, 
	service TEXT NOT NULL, 
	source TEXT NOT NULL, 
	CONSTRAINT pk_last_logins PRIMARY KEY (user_id), 
	CONSTRAINT fk_last_logins_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE login_failures (
	name BLOB NOT NULL, 
	source TEXT NOT NULL, 
	moments TEXT NOT NULL, 
	locked_until BIGINT NOT NULL, 
	forgotten BIGINT NOT NULL, 
	CONSTRAINT pk_login_failures PRIMARY KEY (name, source)
)
 WITHOUT ROWID

;
INSERT INTO "login_failures" VALUES(X'00','here','1',0,9000000000000000);
CREATE TABLE login_names (
	"key" TEXT NOT NULL, 
	user_id INTEGER NOT NULL, 
	CONSTRAINT pk_login_names PRIMARY KEY ("key"), 
	CONSTRAINT ck_login_names_key CHECK (key <> ''), 
	CONSTRAINT fk_login_names_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "login_names" VALUES('ann',1);
INSERT INTO "login_names" VALUES('ann@example.com',1);
INSERT INTO "login_names" VALUES('bü@example.com',1);
INSERT INTO "login_names" VALUES('bob',2);
INSERT INTO "login_names" VALUES('cyd',3);
CREATE TABLE or_names (
	user_id INTEGER NOT NULL, 
	name_key TEXT NOT NULL, 
	surname_key TEXT NOT NULL, 
	given_name_key TEXT NOT NULL, 
	initials_key TEXT NOT NULL, 
	generation_key TEXT NOT NULL, 
	common_name_key TEXT NOT NULL, 
	ou1_key TEXT NOT NULL, 
	ou2_key TEXT NOT NULL, 
	ou3_key TEXT NOT NULL, 
	ou4_key TEXT NOT NULL, company_id INTEGER, 
	CONSTRAINT pk_or_names PRIMARY KEY (user_id), 
	CONSTRAINT fk_or_names_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_or_names_name_key UNIQUE (name_key)
);
INSERT INTO "or_names" VALUES(1,'ann q miller jr
ny
hq


annie','miller','ann','q','jr','annie','ny','hq','','',NULL);
INSERT INTO "or_names" VALUES(2,'bob strasse




','strasse','bob','','','','','','','',NULL);
INSERT INTO "or_names" VALUES(3,'




cyd','','','','','cyd','','','','',NULL);
CREATE TABLE sasl_passwords (
	user_id INTEGER NOT NULL, 
	mechanism TEXT NOT NULL, 
	salt BLOB NOT NULL, 
	iterations INTEGER NOT NULL, 
	stored_key BLOB NOT NULL, 
	server_key BLOB NOT NULL, 
	CONSTRAINT pk_sasl_passwords PRIMARY KEY (user_id, mechanism), 
	CONSTRAINT ck_sasl_passwords_iterations CHECK (iterations >= 1), 
	CONSTRAINT fk_sasl_passwords_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "sasl_passwords" VALUES(1,'SCRAM-SHA-256',X'73616C7473616C7473616C7473616C74',4096,X'09EDF066267EC880428E5B5C71F462A8CD3E5C3B0B137A8F76411E64A7B786EB',X'937AB89E52EC034F524F914BA3DCCD99FC9747E0A2D49E0A9812B9251552C5E2');
INSERT INTO "sasl_passwords" VALUES(2,'SCRAM-SHA-256',X'73616C7473616C7473616C7473616C74',4096,X'09EDF066267EC880428E5B5C71F462A8CD3E5C3B0B137A8F76411E64A7B786EB',X'937AB89E52EC034F524F914BA3DCCD99FC9747E0A2D49E0A9812B9251552C5E2');
INSERT INTO "sasl_passwords" VALUES(3,'SCRAM-SHA-256',X'73616C7473616C7473616C7473616C74',4096,X'09EDF066267EC880428E5B5C71F462A8CD3E5C3B0B137A8F76411E64A7B786EB',X'937AB89E52EC034F524F914BA3DCCD99FC9747E0A2D49E0A9812B9251552C5E2');
CREATE TABLE sync_agreements (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	settings TEXT NOT NULL, 
	managed TEXT NOT NULL, 
	state TEXT DEFAULT '' NOT NULL, 
	lease_holder TEXT DEFAULT '' NOT NULL, 
	lease_until BIGINT DEFAULT '0' NOT NULL, company_id INTEGER, 
	CONSTRAINT uq_sync_agreements_name UNIQUE (name)
);
CREATE TABLE sync_groups (
	agreement_id INTEGER NOT NULL, 
	guid TEXT NOT NULL, 
	group_id INTEGER NOT NULL, 
	deleted BIGINT, 
	CONSTRAINT pk_sync_groups PRIMARY KEY (agreement_id, guid), 
	CONSTRAINT fk_sync_groups_agreement_id_sync_agreements FOREIGN KEY(agreement_id) REFERENCES sync_agreements (id) ON DELETE CASCADE, 
	CONSTRAINT fk_sync_groups_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT uq_sync_groups_group_id UNIQUE (group_id)
)
 WITHOUT ROWID

;
CREATE TABLE sync_links (
	agreement_id INTEGER NOT NULL, 
	guid TEXT NOT NULL, 
	user_id INTEGER NOT NULL, 
	deleted BIGINT, 
	was_locked BOOLEAN DEFAULT 0 NOT NULL, 
	was_reason TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_sync_links PRIMARY KEY (agreement_id, guid), 
	CONSTRAINT fk_sync_links_agreement_id_sync_agreements FOREIGN KEY(agreement_id) REFERENCES sync_agreements (id) ON DELETE CASCADE, 
	CONSTRAINT fk_sync_links_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_sync_links_user_id UNIQUE (user_id)
)
 WITHOUT ROWID

;
CREATE TABLE users (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	authid TEXT NOT NULL, 
	authid_key TEXT NOT NULL, 
	password TEXT, 
	locked BOOLEAN NOT NULL, 
	account_expires BIGINT, 
	password_changed BIGINT, 
	password_expires BIGINT, 
	administrator BOOLEAN NOT NULL, 
	mailbox_administrator BOOLEAN NOT NULL, 
	unix_uid BIGINT, 
	mailbox_class TEXT NOT NULL, 
	language TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	created BIGINT NOT NULL, 
	changed BIGINT NOT NULL, 
	surname TEXT NOT NULL, 
	given_name TEXT NOT NULL, 
	initials TEXT NOT NULL, 
	generation TEXT NOT NULL, 
	common_name TEXT NOT NULL, 
	ou1 TEXT NOT NULL, 
	ou2 TEXT NOT NULL, 
	ou3 TEXT NOT NULL, 
	ou4 TEXT NOT NULL, account_starts BIGINT, lock_reason TEXT DEFAULT '' NOT NULL, must_change_password BOOLEAN DEFAULT 0 NOT NULL, policy TEXT DEFAULT '' NOT NULL, grace_logins_used INTEGER DEFAULT '0' NOT NULL, mailbox_limit INTEGER DEFAULT '0' NOT NULL, limit_outbound_mail BOOLEAN DEFAULT 0 NOT NULL, limit_inbound_mail BOOLEAN DEFAULT 0 NOT NULL, limit_notify_user BOOLEAN DEFAULT 0 NOT NULL, hidden BOOLEAN DEFAULT 0 NOT NULL, company_id INTEGER, 
	CONSTRAINT ck_users_mailbox_class CHECK (mailbox_class IN ('full', 'limited')), 
	CONSTRAINT ck_users_password CHECK (password <> ''), 
	CONSTRAINT ck_users_name CHECK (surname <> '' OR common_name <> ''), 
	CONSTRAINT ck_users_authid CHECK (length(authid) BETWEEN 1 AND 255), 
	CONSTRAINT ck_users_language CHECK (length(language) <= 35), 
	CONSTRAINT ck_users_revision CHECK (revision >= 1), 
	CONSTRAINT ck_users_unix_uid CHECK (unix_uid BETWEEN 0 AND 4294967294), 
	CONSTRAINT uq_users_authid_key UNIQUE (authid_key), 
	CONSTRAINT uq_users_unix_uid UNIQUE (unix_uid), 
	CONSTRAINT ck_users_locked CHECK (locked IN (0, 1)), 
	CONSTRAINT ck_users_administrator CHECK (administrator IN (0, 1)), 
	CONSTRAINT ck_users_mailbox_administrator CHECK (mailbox_administrator IN (0, 1))
);
INSERT INTO "users" VALUES(1,'ann','ann','{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',0,NULL,1577836800000000,NULL,1,0,1001,'full','',2,1796033649773043,1796033649871047,'Miller','Ann','Q','Jr','Annie','ny','hq','','',NULL,'',0,'',0,0,0,0,0,0,NULL);
INSERT INTO "users" VALUES(2,'Bob','bob','{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',1,NULL,1577836800000000,NULL,0,0,NULL,'full','',2,1796033649912874,1796033649937817,'Straße','Bob','','','','','','','',NULL,'',0,'',0,0,0,0,0,0,NULL);
INSERT INTO "users" VALUES(3,'cyd','cyd','{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',0,1577836800000000,1577836800000000,NULL,0,0,NULL,'full','',2,1796033649964723,1796033649985761,'','','','','Cyd','','','','',NULL,'',0,'',0,0,0,0,0,0,NULL);
CREATE INDEX ix_login_names_user_id ON login_names (user_id);
CREATE INDEX ix_or_names_common_name_key ON or_names (common_name_key);
CREATE INDEX ix_or_names_surname_key_given_name_key ON or_names (surname_key, given_name_key);
CREATE INDEX ix_login_failures_forgotten ON login_failures (forgotten);
CREATE INDEX ix_or_names_surname_key_ou1_key_given_name_key ON or_names (surname_key, ou1_key, given_name_key);
CREATE TRIGGER decided_users_update AFTER UPDATE ON users BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_users_delete AFTER DELETE ON users BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_login_names_insert AFTER INSERT ON login_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_login_names_update AFTER UPDATE ON login_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_login_names_delete AFTER DELETE ON login_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_or_names_insert AFTER INSERT ON or_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_or_names_update AFTER UPDATE ON or_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_or_names_delete AFTER DELETE ON or_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_addresses_insert AFTER INSERT ON addresses BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_addresses_update AFTER UPDATE ON addresses BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_addresses_delete AFTER DELETE ON addresses BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER noted_login_failures_insert AFTER INSERT ON login_failures WHEN new.moments <> '' OR new.locked_until <> 0 BEGIN 
    INSERT INTO changes (mark, key) VALUES (randomblob(16), substr(new.name, 1, 16));
    DELETE FROM changes WHERE number BETWEEN 1 AND last_insert_rowid() - 500;
 END;
CREATE TRIGGER noted_login_failures_update AFTER UPDATE ON login_failures WHEN new.name IS NOT old.name OR new.source IS NOT old.source OR new.moments IS NOT old.moments OR new.locked_until IS NOT old.locked_until BEGIN 
    INSERT INTO changes (mark, key) VALUES (randomblob(16), substr(new.name, 1, 16));
    DELETE FROM changes WHERE number BETWEEN 1 AND last_insert_rowid() - 500;
 END;
CREATE INDEX ix_group_names_group_id ON group_names (group_id);
CREATE INDEX ix_group_users_user_id ON group_users (user_id);
CREATE INDEX ix_group_groups_member_id ON group_groups (member_id);
CREATE TRIGGER decided_groups_insert AFTER INSERT ON groups BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_groups_update AFTER UPDATE ON groups BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_groups_delete AFTER DELETE ON groups BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_names_insert AFTER INSERT ON group_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_names_update AFTER UPDATE ON group_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_names_delete AFTER DELETE ON group_names BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_addresses_insert AFTER INSERT ON group_addresses BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_addresses_update AFTER UPDATE ON group_addresses BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_addresses_delete AFTER DELETE ON group_addresses BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_users_insert AFTER INSERT ON group_users BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_users_update AFTER UPDATE ON group_users BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_users_delete AFTER DELETE ON group_users BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_groups_insert AFTER INSERT ON group_groups BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_groups_update AFTER UPDATE ON group_groups BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_group_groups_delete AFTER DELETE ON group_groups BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE INDEX ix_companies_is_default ON companies (is_default);
CREATE INDEX ix_company_domains_company_id ON company_domains (company_id);
CREATE INDEX ix_users_company_id_authid_key ON users (company_id, authid_key) WHERE company_id IS NOT NULL;
CREATE INDEX ix_or_names_company_id_surname_key_given_name_key ON or_names (company_id, surname_key, given_name_key) WHERE company_id IS NOT NULL;
CREATE INDEX ix_or_names_company_id_common_name_key ON or_names (company_id, common_name_key) WHERE company_id IS NOT NULL;
CREATE INDEX ix_or_names_company_id_name_key ON or_names (company_id, name_key) WHERE company_id IS NOT NULL;
CREATE INDEX ix_groups_company_id_name_key ON groups (company_id, name_key) WHERE company_id IS NOT NULL;
CREATE TRIGGER decided_companies_insert AFTER INSERT ON companies BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_companies_update AFTER UPDATE ON companies BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_companies_delete AFTER DELETE ON companies BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_company_domains_insert AFTER INSERT ON company_domains BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_company_domains_update AFTER UPDATE ON company_domains BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE TRIGGER decided_company_domains_delete AFTER DELETE ON company_domains BEGIN UPDATE changes SET mark = randomblob(16) WHERE number = 0; END;
CREATE INDEX ix_or_names_ou1_key_ou2_key_ou3_key_ou4_key ON or_names (ou1_key, ou2_key, ou3_key, ou4_key);
CREATE INDEX ix_groups_ou1_ou2_ou3_ou4 ON groups (ou1, ou2, ou3, ou4);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('users',3);
CREATE VIRTUAL TABLE search_texts USING fts5(names, logins, node, tokenize='trigram case_sensitive 1', detail=column);
INSERT INTO search_texts (rowid, names, logins, node) VALUES (1, '  ann  q  miller  jr  annie  ', '  ann  ann@example.com  bü@example.com  ', '  ny  hq  ');
INSERT INTO search_texts (rowid, names, logins, node) VALUES (2, '  bob  strasse  ', '  bob  ', '');
INSERT INTO search_texts (rowid, names, logins, node) VALUES (3, '  cyd  ', '  cyd  ', '');
COMMIT;
