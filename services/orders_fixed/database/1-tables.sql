-- The tables as they are in production.
CREATE TYPE order_status AS ENUM ('pending', 'paid', 'cancelled');

CREATE TABLE users (
    id bigint NOT NULL,
    email text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE products (
    id bigint NOT NULL,
    name text NOT NULL,
    price_cents integer NOT NULL
);

CREATE TABLE orders (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    status order_status NOT NULL DEFAULT 'pending',
    currency char(3) NOT NULL,
    total_cents integer NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE order_items (
    id bigint NOT NULL,
    order_id bigint NOT NULL,
    product_id bigint NOT NULL,
    quantity integer NOT NULL,
    unit_price_cents integer NOT NULL
);
