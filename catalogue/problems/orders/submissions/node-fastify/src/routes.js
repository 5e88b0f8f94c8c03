/** Paths, statuses and headers of accounts and orders. */

import { CREDENTIALS, NEW_ORDER, NEW_USER, ORDER_CHANGES, REFRESH } from './contract.js';
import { readCursor, writeCursor } from './cursor.js';
import { etagOf } from './orders.js';
import { malformed, notFound } from './problems.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const PRINTABLE = /^[\x20-\x7e\xa0-\xff]{1,255}$/;
const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/;
const LIMIT = /^[1-9][0-9]{0,9}$/;
const DEFAULT_LIMIT = 20;
const MOST = 100;

const body = (schema) => ({ schema: { body: schema } });
const sendText = (reply, text) => reply.type('application/json; charset=utf-8').send(text);

/** Bare or as a string of RFC 8941; both spellings are the same key. */
function keyOf(header = '') {
  const quoted = QUOTED.exec(header)?.[1];
  const key = quoted === undefined ? header : quoted.replace(/\\(.)/g, '$1');
  if (!PRINTABLE.test(key)) throw malformed('Send an Idempotency-Key of 1 to 255 printable characters.');
  return key;
}

/** An id that cannot exist is not found; it never reaches the database. */
function orderId(text) {
  if (!UUID.test(text)) throw notFound('There is no such order.');
  return text.toLowerCase();
}

function limitOf(text = String(DEFAULT_LIMIT)) {
  if (!LIMIT.test(text)) throw malformed(`limit must be a whole number from 1 to ${MOST}.`);
  return Math.min(Number(text), MOST);
}

export function accountRoutes({ accounts, sessions, signedIn }) {
  return async (app) => {
    app.addHook('onSend', async (request, reply) => void reply.header('Cache-Control', 'no-store'));

    app.post('/register', body(NEW_USER), async (request, reply) => {
      reply.code(201);
      return { data: await accounts.register(request.body) };
    });
    app.post('/login', body(CREDENTIALS), async (request) => ({ data: await accounts.logIn(request.body) }));
    app.post('/refresh', body(REFRESH), async (request) => ({
      data: await sessions.refresh(request.body.refreshToken),
    }));
    app.post('/logout', body(REFRESH), async (request, reply) => {
      await sessions.end(request.body.refreshToken);
      return reply.code(204).send();
    });
    app.post('/logout-all', { onRequest: signedIn }, async (request, reply) => {
      await sessions.endAll(request.user.userId);
      return reply.code(204).send();
    });
  };
}

export function orderRoutes({ orders, signedIn, cursorKey }) {
  return async (app) => {
    app.addHook('onRequest', signedIn);

    app.post('/orders', body(NEW_ORDER), async (request, reply) => {
      const key = keyOf(request.headers['idempotency-key']);
      const { id, answer, replayed } = await orders.add(request.user.userId, key, request.body);
      reply.code(201).header('Location', `${app.prefix}/orders/${id}`);
      if (replayed) reply.header('Idempotent-Replayed', 'true');
      return sendText(reply, answer);
    });

    app.get('/orders', async (request) => {
      const { userId } = request.user;
      const { limit, cursor } = request.query;
      const after = cursor === undefined ? null : readCursor(cursorKey, userId, cursor);
      const page = await orders.page(userId, limitOf(limit), after);
      const nextCursor = page.more ? writeCursor(cursorKey, userId, page.orders.at(-1)) : null;
      return { data: page.orders, nextCursor };
    });

    const whole = (reply, order) => {
      const { version, ...shown } = order;
      reply.header('ETag', etagOf({ version }));
      return { data: shown };
    };
    app.get('/orders/:id', async (request, reply) =>
      whole(reply, await orders.get(request.user.userId, orderId(request.params.id))));

    app.patch('/orders/:id', body(ORDER_CHANGES), async (request, reply) => {
      const id = orderId(request.params.id);
      const ifMatch = request.headers['if-match'];
      return whole(reply, await orders.change(request.user.userId, id, request.body, ifMatch));
    });
  };
}
