CREATE TABLE orders (
    id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     bigint      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    total_cents bigint      NOT NULL CHECK (total_cents >= 0),
    currency    text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status      text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'paid', 'cancelled')),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The newest orders of one user, page by page.
CREATE INDEX orders_of_user ON orders (user_id, created_at, id);
CREATE INDEX orders_by_status ON orders (status);

-- The answer that belongs to a key, written in the transaction that stores its order.
CREATE TABLE idempotency_keys (
    user_id     bigint      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key         text        NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    fingerprint bytea       NOT NULL,
    order_id    uuid,
    answer      bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
