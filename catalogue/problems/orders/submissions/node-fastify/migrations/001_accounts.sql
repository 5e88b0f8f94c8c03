CREATE TABLE users (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    email         text        NOT NULL,
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_check CHECK (char_length(email) BETWEEN 3 AND 254)
);

-- One account per address, whatever the case of its letters.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

-- A session is a chain of refresh tokens, of which only the number of the newest is kept: the tokens
-- themselves are derived from the id of the session and their number.
CREATE TABLE sessions (
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    generation integer     NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_generation_check CHECK (generation >= 0)
);

CREATE INDEX sessions_of_a_user_idx ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end_idx ON sessions (expires_at);

-- What guards an address against guessing, whether there is an account behind it or not. Every try is
-- written down before the password is looked at, under the lock of the guard's row.
CREATE TABLE login_guards (
    account      text        NOT NULL,
    locked_until timestamptz,
    touched_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT login_guards_pkey PRIMARY KEY (account)
);

CREATE INDEX login_guards_by_age_idx ON login_guards (touched_at);

CREATE TABLE login_tries (
    id       uuid        NOT NULL DEFAULT gen_random_uuid(),
    account  text        NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    failed   boolean     NOT NULL DEFAULT false,
    CONSTRAINT login_tries_pkey PRIMARY KEY (id),
    CONSTRAINT login_tries_account_fkey FOREIGN KEY (account) REFERENCES login_guards (account) ON DELETE CASCADE
);

CREATE INDEX login_tries_of_an_account_idx ON login_tries (account, began_at);
