/**
 * The list with a real PostgreSQL and a real Redis.
 *
 * TEST_DATABASE_URL must name an empty database and TEST_REDIS_URL a Redis, both of them disposable.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { Redis } from 'ioredis';
import { Budget, Cache } from '../src/cache.js';
import { Catalogue } from '../src/catalogue.js';
import { Database } from '../src/database.js';
import { Entries, encode } from '../src/entries.js';
import { nullLog } from '../src/log.js';
import { migrate } from '../src/migrate.js';
import { Repository } from '../src/repository.js';
import { RevisionListener, Revisions } from '../src/revisions.js';

const { TEST_DATABASE_URL: databaseUrl, TEST_REDIS_URL: redisUrl } = process.env;
const skip = databaseUrl && redisUrl ? false : 'TEST_DATABASE_URL and TEST_REDIS_URL are not set';

let database;
let redis;
const opened = [];

/** One instance of the service below HTTP; `asked` counts how often it read the list in the database. */
async function instance(cacheUrl = redisUrl) {
  const cache = new Cache(cacheUrl, nullLog);
  const revisions = new Revisions();
  const listener = new RevisionListener(databaseUrl, revisions, nullLog);
  await Promise.all([cache.open(), listener.start()]);
  opened.push(cache, listener);
  const repository = new Repository(database);
  const read = repository.listBooks.bind(repository);
  const entries = new Entries(cache);
  const made = { asked: 0, entries, catalogue: new Catalogue({ repository, entries, revisions }) };
  repository.listBooks = async () => {
    made.asked += 1;
    return read();
  };
  return made;
}

const titles = async ({ catalogue }) => JSON.parse(await catalogue.list()).items.map(({ title }) => title);

const add = ({ catalogue }, title) =>
  catalogue.add({ title, author: 'a', isbn: null, published_year: null });

before(async () => {
  if (skip) return;
  await migrate(databaseUrl);
  database = new Database(databaseUrl, nullLog);
  redis = new Redis(redisUrl);
});

beforeEach(async () => {
  if (skip) return;
  await redis.flushdb();
  await database.write('DELETE FROM books');
});

after(async () => {
  if (skip) return;
  for (const part of opened) await part.close();
  await database.close();
  redis.disconnect();
});

test('migrating again changes nothing', { skip }, async () => {
  assert.deepEqual(await migrate(databaseUrl), []);
});

test('a miss reads the database and fills the cache with an expiry; a hit reads only the cache', { skip }, async () => {
  const one = await instance();
  await add(one, 'Emma');

  assert.deepEqual(await titles(one), ['Emma']);
  assert.equal(one.asked, 1);
  for (const key of await redis.keys('*')) assert.ok(await redis.pttl(key) > 0, key);
  assert.deepEqual(await titles(one), ['Emma']);
  assert.deepEqual(await titles(await instance()), ['Emma']);
  assert.equal(one.asked, 1);
});

test('many who miss at the same moment share one reading', { skip }, async () => {
  const [one, two] = [await instance(), await instance()];
  const askers = Array.from({ length: 100 }, (_, index) => titles(index % 2 ? one : two));
  await Promise.all(askers);

  assert.ok(one.asked <= 1 && two.asked <= 1);
});

test('a book is in the next list of another instance', { skip }, async () => {
  const [one, two] = [await instance(), await instance()];
  await titles(two);
  await add(one, 'Persuasion');

  assert.deepEqual(await titles(two), ['Persuasion']);
});

test('a slow reader cannot put its old list back', { skip }, async () => {
  const [one, slow] = [await instance(), await instance()];
  const seen = await slow.entries.read(new Budget());
  const old = await new Repository(database).listBooks();
  await add(one, 'Emma');
  await slow.entries.store(new Budget(), { revision: old.revision, body: '{"items":[]}' }, seen.rawFloor);

  assert.deepEqual(await titles(one), ['Emma']);
  // Not even when it is written past the rules of this service.
  await redis.set('books:list', encode(old.revision, '{"items":[]}'), 'PX', 60_000);
  assert.deepEqual(await titles(slow), ['Emma']);
});

test('an entry that cannot be read is a miss and is replaced', { skip }, async () => {
  const one = await instance();
  await add(one, 'Emma');
  for (const garbage of ['', 'not json', '{"items":[]}', `7:${'A'.repeat(44)}:{"items":[]}`]) {
    await redis.set('books:list', garbage, 'PX', 60_000);
    assert.deepEqual(await titles(one), ['Emma']);
  }
  await redis.del('books:list');
  await redis.rpush('books:list', 'a list of another kind');
  assert.deepEqual(await titles(one), ['Emma']);
  const before = one.asked;
  await titles(one);
  assert.equal(one.asked, before);
});

test('a change that Redis was not told of is not missed by the others', { skip }, async () => {
  const other = await instance();
  assert.deepEqual(await titles(other), []);
  const cutOff = await instance('redis://127.0.0.1:1/0'); // nobody listens on port 1
  await add(cutOff, 'Emma');

  assert.deepEqual(await titles(cutOff), ['Emma']);
  // The notification comes with the commit but is not ordered with what the writer does next.
  const deadline = Date.now() + 1000;
  while ((await titles(other)).length === 0 && Date.now() < deadline);
  assert.deepEqual(await titles(other), ['Emma']);
});

/** A relay to the database whose connections can be torn in the middle of a statement. */
async function tearable() {
  const { hostname, port } = new URL(databaseUrl);
  const ends = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port || 5432), hostname);
    for (const end of [near, far]) {
      ends.add(end);
      end.on('error', () => {});
      end.on('close', () => ends.delete(end));
    }
    near.pipe(far).pipe(near);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${server.address().port}`;
  return {
    url: url.href,
    tear: () => ends.forEach((end) => end.resetAndDestroy()),
    close: () => server.close(),
  };
}

test('a connection that is torn during a statement costs a 503 and not the process', { skip }, async () => {
  const relay = await tearable();
  const torn = new Database(relay.url, nullLog);
  try {
    await torn.read('SELECT 1');
    const statement = torn.write('SELECT pg_sleep(3)');
    const outcome = assert.rejects(statement, { status: 503 });
    const deadline = Date.now() + 2000;
    const sleeping = "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3)' AND state = 'active'";
    while ((await database.read(sleeping)).length === 0 && Date.now() < deadline);
    relay.tear();
    await outcome;
    assert.equal((await torn.read('SELECT 1 AS one'))[0].one, 1);
  } finally {
    relay.tear();
    await torn.close();
    relay.close();
  }
});
