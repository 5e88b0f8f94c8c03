CREATE TABLE users (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text        NOT NULL UNIQUE CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sessions (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    bigint      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz
);

CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Digests only: whoever reads this table cannot sign in with it. `parent` is the refresh token that a pair was
-- given for; `in_use` says that somebody has shown a token of the pair.
CREATE TABLE token_pairs (
    refresh      bytea       PRIMARY KEY,
    access       bytea       NOT NULL UNIQUE,
    session_id   uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent       bytea,
    access_until timestamptz NOT NULL,
    in_use       boolean     NOT NULL DEFAULT false
);

CREATE INDEX token_pairs_of_session ON token_pairs (session_id);
CREATE INDEX token_pairs_by_parent ON token_pairs (parent);

-- One row for each address that somebody tried to log in with, registered or not. A try holds the row (`holder`)
-- while its password is checked, and counts as failed until it is known to be right.
CREATE TABLE login_guards (
    account      text          PRIMARY KEY,
    failed_at    timestamptz[] NOT NULL DEFAULT '{}',
    locked_until timestamptz,
    holder       uuid,
    held_until   timestamptz,
    touched_at   timestamptz   NOT NULL
);

CREATE INDEX login_guards_by_age ON login_guards (touched_at);
