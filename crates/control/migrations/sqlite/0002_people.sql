-- The people who sign in. Every token is here as its sha256 alone.

create table users (
    id text not null primary key,
    -- In lower case.
    email text not null unique,
    -- argon2id in the PHC format; null until a password was chosen.
    password_hash text,
    -- Set while a second factor is being set up, and while it is on.
    totp_secret blob,
    totp_on integer not null default 0,
    -- The time step of the last code that was taken: a code counts once.
    totp_last_step integer not null default 0,
    created_at integer not null
) strict;

create table recovery_codes (
    user_id text not null references users (id),
    hash blob not null,
    used_at integer,
    primary key (user_id, hash)
) strict;

create table memberships (
    user_id text not null references users (id),
    account_id text not null references accounts (id),
    role text not null,
    created_at integer not null,
    primary key (user_id, account_id)
) strict;

create index memberships_by_account on memberships (account_id);

create table invitations (
    id text not null primary key,
    token_hash blob not null unique,
    account_id text not null references accounts (id),
    role text not null,
    -- For whom, where it was said; anybody with the link otherwise.
    email text,
    created_at integer not null,
    expires_at integer not null,
    accepted_at integer,
    revoked_at integer
) strict;

create index invitations_by_account on invitations (account_id);

-- Links by which somebody chooses a new password.
create table password_links (
    token_hash blob not null primary key,
    user_id text not null references users (id),
    expires_at integer not null
) strict;

create table sessions (
    id text not null primary key,
    token_hash blob not null unique,
    user_id text not null references users (id),
    -- 1 between the password and the second factor: such a session opens nothing.
    awaits_code integer not null,
    -- Browser and system in two words; never the user agent, never an address.
    device text not null,
    created_at integer not null,
    last_seen_at integer not null,
    expires_at integer not null
) strict;

create index sessions_by_user on sessions (user_id);

create table share_links (
    id text not null primary key,
    token_hash blob not null unique,
    project_id text not null references projects (id),
    created_at integer not null,
    revoked_at integer
) strict;

create index share_links_by_project on share_links (project_id);

-- How often anything about people has changed; its row makes such changes take turns.
insert into revisions (subject, revision) values ('people', 0);
