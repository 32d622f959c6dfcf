-- The tables of migrations/sqlite, as of 0005. Times are milliseconds since 1970-01-01T00:00:00Z; lists are JSON
-- arrays of strings; identifiers are their text, like prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5. Texts are compared
-- and sorted by their bytes, in any locale.

create table meta (
    name text collate "C" not null primary key,
    value text not null
);

-- How often anything that decides about keys, people or goals has changed; its rows make such changes take turns.
create table revisions (
    subject text collate "C" not null primary key,
    revision bigint not null
);

insert into revisions (subject, revision) values ('keys', 0), ('people', 0), ('goals', 0);

-- The servers that share the database, each with the time at which it was last heard of, by the database's clock.
create table instances (
    id text collate "C" not null primary key,
    seen_at bigint not null
);

-- Token buckets that the servers share, each with the time at which it is full again, by the database's clock. Their
-- names are those of a fixed number of cells.
create table buckets (
    name text collate "C" not null primary key,
    full_at bigint not null
);

create table accounts (
    id text collate "C" not null primary key,
    name text collate "C" not null unique,
    created_at bigint not null
);

create table projects (
    id text collate "C" not null primary key,
    account_id text collate "C" not null references accounts (id),
    slug text collate "C" not null,
    name text not null,
    allowed_origins text not null,
    plan text not null,
    retention_days bigint,
    timezone text not null,
    created_at bigint not null,
    deleted_at bigint,
    -- The JSON of `core::classify::RuleSettings`.
    classifier text not null default '{}'
);

-- The slug of a deleted project may be taken again.
create unique index projects_by_slug on projects (slug) where deleted_at is null;
create index projects_by_account on projects (account_id);

create table keys (
    id text collate "C" not null primary key,
    project_id text collate "C" references projects (id),
    account_id text collate "C" references accounts (id),
    kind text not null,
    env text not null,
    prefix text collate "C" not null unique,
    hash bytea not null,
    label text,
    scopes text not null,
    allowed_ips text not null,
    created_at bigint not null,
    last_used_at bigint,
    expires_at bigint,
    revoked_at bigint,
    exposed_at bigint,
    replaced_by text collate "C" references keys (id),
    -- An ak belongs to an account, every other key to a project.
    check (
        (kind = 'ak' and account_id is not null and project_id is null)
        or (kind <> 'ak' and account_id is null and project_id is not null)
    )
);

create index keys_by_project on keys (project_id);
create index keys_by_account on keys (account_id);

-- No foreign keys: what happened stays in the log, whatever happens to its subject.
create table audit_log (
    sequence bigint generated always as identity primary key,
    at bigint not null,
    actor text not null,
    action text not null,
    account_id text collate "C",
    project_id text collate "C",
    subject text not null,
    detail text not null
);

create table usage (
    project_id text collate "C" not null references projects (id),
    env text collate "C" not null,
    month text collate "C" not null,
    events bigint not null,
    primary key (project_id, env, month)
);

create table users (
    id text collate "C" not null primary key,
    -- In lower case.
    email text collate "C" not null unique,
    -- argon2id in the PHC format; null until a password was chosen.
    password_hash text,
    -- Set while a second factor is being set up, and while it is on.
    totp_secret bytea,
    totp_on bigint not null default 0,
    -- The time step of the last code that was taken: a code counts once.
    totp_last_step bigint not null default 0,
    created_at bigint not null
);

create table recovery_codes (
    user_id text collate "C" not null references users (id),
    hash bytea not null,
    used_at bigint,
    primary key (user_id, hash)
);

create table memberships (
    user_id text collate "C" not null references users (id),
    account_id text collate "C" not null references accounts (id),
    role text not null,
    created_at bigint not null,
    primary key (user_id, account_id)
);

create index memberships_by_account on memberships (account_id);

create table invitations (
    id text collate "C" not null primary key,
    token_hash bytea not null unique,
    account_id text collate "C" not null references accounts (id),
    role text not null,
    -- For whom, where it was said; anybody with the link otherwise.
    email text,
    created_at bigint not null,
    expires_at bigint not null,
    accepted_at bigint,
    revoked_at bigint
);

create index invitations_by_account on invitations (account_id);

-- Links by which somebody chooses a new password.
create table password_links (
    token_hash bytea not null primary key,
    user_id text collate "C" not null references users (id),
    expires_at bigint not null
);

create table sessions (
    id text collate "C" not null primary key,
    token_hash bytea not null unique,
    user_id text collate "C" not null references users (id),
    -- 1 between the password and the second factor: such a session opens nothing.
    awaits_code bigint not null,
    -- Browser and system in two words; never the user agent, never an address.
    device text not null,
    created_at bigint not null,
    last_seen_at bigint not null,
    expires_at bigint not null
);

create index sessions_by_user on sessions (user_id);

create table share_links (
    id text collate "C" not null primary key,
    token_hash bytea not null unique,
    project_id text collate "C" not null references projects (id),
    created_at bigint not null,
    revoked_at bigint
);

create index share_links_by_project on share_links (project_id);

-- What projects count as conversions.
create table goals (
    project_id text collate "C" not null references projects (id),
    slug text collate "C" not null,
    name text not null,
    -- The name of an event, or a path with wildcards: one of them.
    event text,
    page text,
    -- Conditions, a JSON list.
    filters text not null,
    -- The numeric property that says what reaching the goal is worth.
    value_property text,
    currency text,
    created_at bigint not null,
    primary key (project_id, slug),
    check ((event is null) <> (page is null)),
    check (currency is null or value_property is not null)
);

-- Re-classifications of stored events. A range without ends is all time; `rules` are those of the request.
-- `counts` is the JSON of what changed, once it is finished.
create table reclassifications (
    id text collate "C" not null primary key,
    project_id text collate "C" not null references projects (id),
    env text collate "C" not null,
    range_from bigint,
    range_to bigint,
    rules text not null,
    requested_at bigint not null,
    finished_at bigint,
    counts text
);

-- One at a time: what a second one would change depends on what the first one did.
create unique index reclassifications_running on reclassifications (project_id, env) where finished_at is null;

-- Personal access tokens, with which scripts manage projects and keys in a person's name.
create table access_tokens (
    id text collate "C" not null primary key,
    user_id text collate "C" not null references users (id),
    prefix text collate "C" not null unique,
    -- sha256 of secret and pepper, as of a key.
    hash bytea not null,
    name text not null,
    scope text not null,
    created_at bigint not null,
    last_used_at bigint,
    expires_at bigint not null,
    revoked_at bigint,
    exposed_at bigint
);

create index access_tokens_by_user on access_tokens (user_id);

-- The responses to requests with an Idempotency-Key, for 24 hours, each written in the transaction of the
-- change that it reports.
create table stored_responses (
    -- sha256 of the token and the Idempotency-Key.
    id bytea not null primary key,
    -- sha256 of the request.
    request bytea not null,
    -- Encrypted: the response can contain the secret of a key.
    sealed bytea not null,
    expires_at bigint not null
);

create index stored_responses_by_end on stored_responses (expires_at);
