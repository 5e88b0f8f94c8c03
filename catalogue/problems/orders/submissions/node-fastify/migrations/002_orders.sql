CREATE TYPE order_status AS ENUM ('pending', 'paid', 'cancelled');

CREATE TABLE orders (
    id          uuid         NOT NULL,
    user_id     uuid         NOT NULL,
    total_cents integer      NOT NULL,
    currency    char(3)      NOT NULL,
    status      order_status NOT NULL DEFAULT 'pending',
    version     integer      NOT NULL DEFAULT 1,
    created_at  timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT orders_total_cents_check CHECK (total_cents >= 0),
    CONSTRAINT orders_currency_check CHECK (currency ~ '^[A-Z]{3}$')
);

-- Pages of one user's orders, the newest first; the id breaks ties.
CREATE INDEX orders_of_a_user_idx ON orders (user_id, created_at DESC, id DESC);
CREATE INDEX orders_by_status_idx ON orders (status, created_at DESC);

-- The answer to the first request with a key, written by the statement that stores its order.
CREATE TABLE idempotency_keys (
    user_id     uuid        NOT NULL,
    key         text        NOT NULL,
    fingerprint text        NOT NULL,
    order_id    uuid        NOT NULL,
    answer      text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key),
    CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT idempotency_keys_key_check CHECK (char_length(key) BETWEEN 1 AND 255)
);

CREATE INDEX idempotency_keys_by_age_idx ON idempotency_keys (created_at);
