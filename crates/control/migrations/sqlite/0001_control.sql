-- Times are milliseconds since 1970-01-01T00:00:00Z; lists are JSON arrays of strings;
-- identifiers are their text, like prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5.

create table meta (
    name text not null primary key,
    value text not null
) strict;

-- One row, 'keys': how often anything that decides about a key has changed.
create table revisions (
    subject text not null primary key,
    revision integer not null
) strict;

insert into revisions (subject, revision) values ('keys', 0);

create table accounts (
    id text not null primary key,
    name text not null unique,
    created_at integer not null
) strict;

create table projects (
    id text not null primary key,
    account_id text not null references accounts (id),
    slug text not null,
    name text not null,
    allowed_origins text not null,
    plan text not null,
    retention_days integer,
    timezone text not null,
    created_at integer not null,
    deleted_at integer
) strict;

-- The slug of a deleted project may be taken again.
create unique index projects_by_slug on projects (slug) where deleted_at is null;
create index projects_by_account on projects (account_id);

create table keys (
    id text not null primary key,
    project_id text references projects (id),
    account_id text references accounts (id),
    kind text not null,
    env text not null,
    prefix text not null unique,
    hash blob not null,
    label text,
    scopes text not null,
    allowed_ips text not null,
    created_at integer not null,
    last_used_at integer,
    expires_at integer,
    revoked_at integer,
    exposed_at integer,
    replaced_by text references keys (id),
    -- An ak belongs to an account, every other key to a project.
    check (
        (kind = 'ak' and account_id is not null and project_id is null)
        or (kind <> 'ak' and account_id is null and project_id is not null)
    )
) strict;

create index keys_by_project on keys (project_id);
create index keys_by_account on keys (account_id);

-- No foreign keys: what happened stays told, whatever happens to its subject.
create table audit_log (
    sequence integer not null primary key autoincrement,
    at integer not null,
    actor text not null,
    action text not null,
    account_id text,
    project_id text,
    subject text not null,
    detail text not null
) strict;

create table usage (
    project_id text not null references projects (id),
    env text not null,
    month text not null,
    events integer not null,
    primary key (project_id, env, month)
) strict;
