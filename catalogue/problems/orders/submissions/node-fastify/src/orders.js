/** Orders: stored once for each key, read by pages, changed under the lock of their row. */

import { createHash, randomUUID } from 'node:crypto';
import { refusedWith } from './database.js';
import { Turns } from './gate.js';
import { moment, now } from './moment.js';
import { conflict, invalid, notFound, outdated, unauthenticated, underWay } from './problems.js';

const COLUMNS = `id, user_id AS "userId", total_cents AS "totalCents", currency, status::text,
  ${moment('created_at')} AS "createdAt"`;

// One statement: the key, the order and the answer are there together or not at all, and whoever comes
// second waits for the first and then inserts nothing.
const ADD = `
  WITH kept AS (
    INSERT INTO idempotency_keys (user_id, key, fingerprint, order_id, answer)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING order_id
  )
  INSERT INTO orders (id, user_id, total_cents, currency, created_at)
  SELECT order_id, $1, $6, $7, $8 FROM kept RETURNING id`;

const MISSING_REFERENCE = '23503';
const LOCK_NOT_AVAILABLE = '55P03';

const fingerprintOf = (body) => createHash('sha256')
  .update(JSON.stringify(Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1)))).digest('hex');

export const etagOf = ({ version }) => `"${version}"`;

/** RFC 9110, 13.1.1: any of the tags listed, compared strongly. */
function fits(ifMatch, order) {
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  return tags.includes('*') || tags.includes(etagOf(order));
}

function refuseIllegal(order, changes) {
  const settled = order.status !== 'pending';
  const differs = (name) => changes[name] !== undefined && changes[name] !== order[name];
  if (settled && differs('status')) throw conflict(`A ${order.status} order keeps its status.`);
  if (settled && (differs('totalCents') || differs('currency'))) {
    throw conflict(`Amount and currency of a ${order.status} order are settled.`);
  }
}

export class Orders {
  #database;
  #turns = new Turns({ queue: 100, ms: 2000 });

  constructor(database) {
    this.#database = database;
  }

  /** The id of the order and the text of the answer, the first one for this key. */
  async add(userId, key, body) {
    // Who waits for the same key in this process must not keep a connection busy with it.
    return this.#turns.run(`${userId} ${key}`, () => this.#add(userId, key, body), underWay);
  }

  async #add(userId, key, { totalCents, currency }) {
    const order = { id: randomUUID(), userId, totalCents, currency, status: 'pending', createdAt: now() };
    const fingerprint = fingerprintOf({ totalCents, currency });
    const answer = JSON.stringify({ data: order });
    const values = [userId, key, fingerprint, order.id, answer, totalCents, currency, order.createdAt];
    try {
      const added = await this.#database.rows(ADD, values);
      if (added.length > 0) return { id: order.id, answer, replayed: false };
    } catch (error) {
      if (error.sqlstate === LOCK_NOT_AVAILABLE) throw underWay();
      if (refusedWith(error, MISSING_REFERENCE)) throw unauthenticated('This account does not exist.', 'invalid_token');
      throw error;
    }
    return this.#earlier(userId, key, fingerprint);
  }

  async #earlier(userId, key, fingerprint) {
    const [first] = await this.#database.rows(
      'SELECT fingerprint, order_id AS id, answer FROM idempotency_keys WHERE user_id = $1 AND key = $2',
      [userId, key],
    );
    if (!first) throw underWay();
    if (first.fingerprint !== fingerprint) throw invalid('Idempotency-Key', 'was used before with another body');
    return { id: first.id, answer: first.answer, replayed: true };
  }

  async get(userId, id) {
    const [order] = await this.#database.rows(
      `SELECT ${COLUMNS}, version FROM orders WHERE id = $1 AND user_id = $2`,
      [id, userId],
    );
    if (!order) throw notFound('There is no such order.');
    return order;
  }

  /** Up to `limit` orders after a place, the newest first, and whether there are more. */
  async page(userId, limit, after) {
    const from = after ? 'AND (created_at, id) < ($3::timestamptz, $4::uuid)' : '';
    const values = [userId, limit + 1, ...(after ? [after.createdAt, after.id] : [])];
    const found = await this.#database.rows(
      `SELECT ${COLUMNS} FROM orders WHERE user_id = $1 ${from}
       ORDER BY orders.created_at DESC, orders.id DESC LIMIT $2`,
      values,
    );
    return { orders: found.slice(0, limit), more: found.length > limit };
  }

  async change(userId, id, changes, ifMatch) {
    return this.#database.transaction(async (query) => {
      const [order] = await query(
        `SELECT ${COLUMNS}, version FROM orders WHERE id = $1 AND user_id = $2 FOR UPDATE`,
        [id, userId],
      );
      if (!order) throw notFound('There is no such order.');
      if (ifMatch !== undefined && !fits(ifMatch, order)) throw outdated();
      refuseIllegal(order, changes);
      const wanted = { ...order, ...changes };
      const [changed] = await query(
        `UPDATE orders SET total_cents = $2, currency = $3, status = $4::order_status, version = version + 1
         WHERE id = $1 RETURNING ${COLUMNS}, version`,
        [id, wanted.totalCents, wanted.currency, wanted.status],
      );
      return changed;
    });
  }
}
