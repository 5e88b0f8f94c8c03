/** The whole service on disposable servers: TEST_DATABASE_URL an empty database, TEST_REDIS_URL a Redis. */

import { randomBytes, randomUUID } from 'node:crypto';
import { after, before } from 'node:test';
import pg from 'pg';
import pino from 'pino';
import { migrate } from '../src/migrate.js';
import { createService } from '../src/service.js';

const { TEST_DATABASE_URL: databaseUrl, TEST_REDIS_URL: redisUrl } = process.env;

export const skip = databaseUrl && redisUrl ? false : 'TEST_DATABASE_URL and TEST_REDIS_URL are not set';

const secret = randomBytes(32).toString('hex');
export const PASSWORD = 'correct horse battery';

/** Two instances of the service, the database behind them, and how to speak to them. */
export function world({ settings = {}, prepare = async () => {} } = {}) {
  const made = { services: [], database: null };

  before(async () => {
    if (skip) return;
    await migrate(databaseUrl);
    made.database = new pg.Client({ connectionString: databaseUrl });
    await made.database.connect();
    await made.database.query('TRUNCATE users, login_guards CASCADE');
    const times = { lockoutSeconds: 900, accessSeconds: 900 };
    const told = { databaseUrl, redisUrl, secret, perIp: 0, perUser: 0, ...times, ...settings };
    for (let count = 0; count < 2; count += 1) {
      made.services.push(await createService(told, pino({ level: 'silent' })));
    }
    await prepare();
  });

  after(async () => {
    for (const { app, close } of made.services) {
      await app.close();
      await close();
    }
    await made.database?.end();
  });

  /** One request to an instance. */
  made.ask = async (method, path, { body, token, key, headers = {}, instance = 0 } = {}) => {
    const response = await made.services[instance].app.inject({
      method,
      url: `/api/v1${path}`,
      payload: body,
      headers: {
        ...headers,
        ...(token && { authorization: `Bearer ${token}` }),
        ...(key && { 'idempotency-key': key }),
      },
    });
    const json = response.body ? JSON.parse(response.body) : null;
    return { status: response.statusCode, headers: response.headers, text: response.body, json };
  };

  made.register = async () => {
    const email = `${randomUUID()}@example.com`;
    await made.ask('POST', '/auth/register', { body: { email, password: PASSWORD } });
    return email;
  };

  made.logIn = (email, password = PASSWORD, instance = 0) =>
    made.ask('POST', '/auth/login', { body: { email, password }, instance });

  /** Tokens of somebody new. */
  made.newcomer = async () => (await made.logIn(await made.register())).json.data;

  made.order = (token, key, body = { totalCents: 100, currency: 'EUR' }, instance = 0) =>
    made.ask('POST', '/orders', { body, token, key, instance });

  return made;
}

/** How often each status came. */
export function tally(answers) {
  const counts = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
