-- The keys as they are in production.
ALTER TABLE users ADD PRIMARY KEY (id);
ALTER TABLE users ADD UNIQUE (email);
ALTER TABLE products ADD PRIMARY KEY (id);
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users;
ALTER TABLE order_items ADD PRIMARY KEY (id);
ALTER TABLE order_items ADD FOREIGN KEY (order_id) REFERENCES orders;
ALTER TABLE order_items ADD FOREIGN KEY (product_id) REFERENCES products;

CREATE SEQUENCE orders_id_seq OWNED BY orders.id;
SELECT setval('orders_id_seq', (SELECT max(id) FROM orders));
ALTER TABLE orders ALTER COLUMN id SET DEFAULT nextval('orders_id_seq');
CREATE SEQUENCE order_items_id_seq OWNED BY order_items.id;
SELECT setval('order_items_id_seq', (SELECT max(id) FROM order_items));
ALTER TABLE order_items ALTER COLUMN id SET DEFAULT nextval('order_items_id_seq');

ANALYZE;
