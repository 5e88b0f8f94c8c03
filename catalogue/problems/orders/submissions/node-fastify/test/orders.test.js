/** Orders, end to end: keys, pages, changes, and whose they are. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip, tally, world } from './world.js';

let token;
const service = world({
  prepare: async () => {
    token = (await service.newcomer()).accessToken;
  },
});

const times = (count, work) => Promise.all(Array.from({ length: count }, (_, number) => work(number)));
const count = async () => Number((await service.database.query('SELECT count(*) FROM orders')).rows[0].count);

test('an order is stored and comes back as it was answered', { skip }, async () => {
  const made = await service.order(token, 'first');
  assert.equal(made.status, 201);
  assert.equal(made.json.data.status, 'pending');

  const read = await service.ask('GET', `/orders/${made.json.data.id}`, { token, instance: 1 });
  assert.deepEqual(read.json, made.json);
});

test('one key makes one order, whoever asks how often', { skip }, async () => {
  const before = await count();
  const answers = await times(30, (number) => service.order(token, 'often', undefined, number % 2));

  assert.deepEqual(tally(answers), { 201: 30 });
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  assert.equal(await count(), before + 1);
  assert.equal((await service.order(token, '"often"')).text, answers[0].text);
  assert.equal((await service.order(token, 'often', { totalCents: 101, currency: 'EUR' })).status, 422);
});

test('a refused order leaves its key unused', { skip }, async () => {
  assert.equal((await service.order(token, 'again', { totalCents: -1, currency: 'EUR' })).status, 422);
  assert.equal((await service.order(token, 'again')).status, 201);
});

test('pages give every order once while others are added', { skip }, async () => {
  const { accessToken } = await service.newcomer();
  const made = await times(25, (number) => service.order(accessToken, `page ${number}`));
  const ids = made.map(({ json }) => json.data.id);
  await service.database.query("UPDATE orders SET created_at = '2024-01-01Z' WHERE id = ANY($1)", [ids]);

  const seen = [];
  for (let cursor = ''; cursor !== null;) {
    const page = await service.ask('GET', `/orders?limit=4${cursor && `&cursor=${cursor}`}`, { token: accessToken });
    seen.push(...page.json.data.map(({ id }) => id));
    cursor = page.json.nextCursor;
    await service.order(accessToken, `while ${seen.length}`);
  }
  const old = seen.filter((id) => ids.includes(id));
  assert.deepEqual(old.sort(), ids.sort());
});

test('a cursor is good for nobody else and in no other form', { skip }, async () => {
  const { accessToken } = await service.newcomer();
  await times(2, (number) => service.order(accessToken, `mine ${number}`));
  const { nextCursor } = (await service.ask('GET', '/orders?limit=1', { token: accessToken })).json;

  const foreign = await service.ask('GET', `/orders?cursor=${nextCursor}`, { token });
  const altered = await service.ask('GET', `/orders?cursor=x${nextCursor}`, { token: accessToken });
  assert.deepEqual([foreign.status, altered.status], [400, 400]);
});

const change = (id, body, { instance = 0, ...rest } = {}) =>
  service.ask('PATCH', `/orders/${id}`, { body, token, instance, ...rest });

test('two changes of different fields lose neither', { skip }, async () => {
  const { id } = (await service.order(token, 'both')).json.data;
  await Promise.all([change(id, { totalCents: 7 }), change(id, { currency: 'USD' }, { instance: 1 })]);

  const { data } = (await service.ask('GET', `/orders/${id}`, { token })).json;
  assert.deepEqual([data.totalCents, data.currency], [7, 'USD']);
});

test('of two contradicting changes one wins, and nothing follows', { skip }, async () => {
  const { id } = (await service.order(token, 'either')).json.data;
  const answers = await Promise.all([
    change(id, { status: 'paid' }), change(id, { status: 'cancelled' }, { instance: 1 }),
  ]);

  assert.deepEqual(tally(answers), { 200: 1, 409: 1 });
  assert.equal((await change(id, { totalCents: 1 })).status, 409);
});

test('an old ETag is refused', { skip }, async () => {
  const { id } = (await service.order(token, 'tagged')).json.data;
  const { etag } = (await service.ask('GET', `/orders/${id}`, { token })).headers;
  const headers = { 'if-match': etag };

  assert.equal((await change(id, { totalCents: 2 }, { headers })).status, 200);
  assert.equal((await change(id, { totalCents: 3 }, { headers })).status, 412);
});

test('a field that nobody may set is refused and changes nothing', { skip }, async () => {
  const made = (await service.order(token, 'strict')).json;
  for (const body of [{ id: 'x' }, { userId: 'x' }, { nonsense: 1, totalCents: 9 }]) {
    assert.equal((await change(made.data.id, body)).status, 422);
  }
  assert.deepEqual((await service.ask('GET', `/orders/${made.data.id}`, { token })).json, made);
});

test('the orders of somebody else do not exist', { skip }, async () => {
  const { id } = (await service.order(token, 'private')).json.data;
  const stranger = (await service.newcomer()).accessToken;

  assert.equal((await service.ask('GET', `/orders/${id}`, { token: stranger })).status, 404);
  assert.equal((await change(id, { status: 'paid' }, { token: stranger })).status, 404);
});

test('a commit that is refused is no success', { skip }, async (context) => {
  await service.database.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse()`);
  context.after(() => service.database.query('DROP FUNCTION refuse() CASCADE'));

  const before = await count();
  assert.equal((await service.order(token, 'refused')).status, 500);
  assert.equal(await count(), before);
});
