-- 100 000 orders with 400 000 items, drawn from one seed: a few products sell most, a few users buy
-- most, nine orders of ten are paid, and many orders share the minute they were made in.
SELECT setseed(0.2026);

INSERT INTO users (id, email, created_at)
SELECT n, 'user' || n || '@customers.example', timestamptz '2024-01-01 00:00:00Z' + n * interval '37 minutes'
FROM generate_series(1, 10000) AS n;

-- The last fifty were never sold.
INSERT INTO products (id, name, price_cents)
SELECT n, 'Product ' || n, 199 + (random() * 20000)::integer
FROM generate_series(1, 2050) AS n;

CREATE TEMPORARY TABLE drafts AS
SELECT o AS order_id, 1 + floor(2000 * power(random(), 2.5))::bigint AS product_id,
       1 + floor(4 * power(random(), 3))::integer AS quantity
FROM generate_series(1, 100000) AS o, generate_series(1, 1 + o * 37 % 7) AS i;

INSERT INTO orders (id, user_id, status, currency, total_cents, created_at)
SELECT drawn.id, drawn.user_id,
       CASE WHEN drawn.lot < 0.90 THEN 'paid' WHEN drawn.lot < 0.98 THEN 'cancelled' ELSE 'pending' END::order_status,
       drawn.currency, summed.total,
       date_trunc('minute', timestamptz '2025-07-01 00:00:00Z' + drawn.id * interval '130 seconds'
                            + random() * interval '40 minutes')
FROM (
    SELECT n AS id, 1 + floor(10000 * power(random(), 3))::bigint AS user_id, random() AS lot,
           (ARRAY['EUR', 'EUR', 'EUR', 'USD', 'GBP'])[1 + n % 5] AS currency
    FROM generate_series(1, 100000) AS n
) AS drawn
JOIN (
    SELECT order_id, sum(quantity * price_cents)::integer AS total
    FROM drafts JOIN products ON products.id = drafts.product_id
    GROUP BY order_id
) AS summed ON summed.order_id = drawn.id
ORDER BY drawn.id;

INSERT INTO order_items (id, order_id, product_id, quantity, unit_price_cents)
SELECT row_number() OVER (ORDER BY order_id, product_id, quantity), order_id, product_id, quantity, price_cents
FROM drafts JOIN products ON products.id = drafts.product_id;

DROP TABLE drafts;
