-- Personal access tokens, with which scripts manage projects and keys in a person's name.

create table access_tokens (
    id text not null primary key,
    user_id text not null references users (id),
    prefix text not null unique,
    -- sha256 of secret and pepper, as of a key.
    hash blob not null,
    name text not null,
    scope text not null,
    created_at integer not null,
    last_used_at integer,
    expires_at integer not null,
    revoked_at integer,
    exposed_at integer
) strict;

create index access_tokens_by_user on access_tokens (user_id);

-- The responses to requests with an Idempotency-Key, for 24 hours, each written in the transaction of the
-- change that it reports.
create table stored_responses (
    -- sha256 of the token and the Idempotency-Key.
    id blob not null primary key,
    -- sha256 of the request.
    request blob not null,
    -- Encrypted: the response can contain the secret of a key.
    sealed blob not null,
    expires_at integer not null
) strict;

create index stored_responses_by_end on stored_responses (expires_at);
