/** Accounts, sessions and the lockout, end to end. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, skip, tally, world } from './world.js';

const service = world();

const times = (count, work) => Promise.all(Array.from({ length: count }, (_, number) => work(number)));

test('a new account can log in and is told nothing of its password', { skip }, async () => {
  const email = 'Ada@Example.com';
  const made = await service.ask('POST', '/auth/register', { body: { email, password: PASSWORD } });

  assert.equal(made.status, 201);
  assert.deepEqual(Object.keys(made.json.data).sort(), ['createdAt', 'email', 'id']);
  assert.equal((await service.logIn('ada@example.com')).status, 200);
});

test('of many registrations with one address one succeeds', { skip }, async () => {
  const answers = await times(8, (number) => service.ask('POST', '/auth/register', {
    body: { email: number % 2 ? 'Race@example.com' : 'race@example.com', password: PASSWORD },
    instance: number % 2,
  }));

  assert.deepEqual(tally(answers), { 201: 1, 409: 7 });
});

test('an unknown address and a wrong password are told apart by nothing', { skip }, async () => {
  const email = await service.register();
  const answers = [await service.logIn(email, 'wrong'), await service.logIn('nobody@example.com', 'wrong')];

  const [one, other] = answers.map(({ status, json: { traceId, ...told } }) => ({ status, told }));
  assert.equal(one.status, 401);
  assert.deepEqual(one, other);
});

test('of many guesses at two instances five are tried', { skip }, async () => {
  const email = await service.register();
  const answers = await times(20, (number) => service.logIn(email, `guess ${number}`, number % 2));

  assert.deepEqual(tally(answers), { 401: 5, 423: 15 });
  const right = await service.logIn(email);
  assert.equal(right.status, 423);
  assert.ok(Number(right.headers['retry-after']) > 800);
});

test('a right password forgets the failures before it', { skip }, async () => {
  const email = await service.register();
  for (let round = 0; round < 2; round += 1) {
    for (let guess = 0; guess < 4; guess += 1) await service.logIn(email, 'wrong');
    assert.equal((await service.logIn(email)).status, 200);
  }
});

const refresh = (refreshToken, instance = 0) =>
  service.ask('POST', '/auth/refresh', { body: { refreshToken }, instance });

test('parallel refreshes keep the session, a replay after them ends it', { skip }, async () => {
  const { refreshToken: first } = await service.newcomer();
  const answers = await times(10, (number) => refresh(first, number % 2));
  assert.deepEqual(tally(answers), { 200: 10 });

  const { refreshToken: second } = answers[0].json.data;
  const { accessToken, refreshToken: third } = (await refresh(second)).json.data;
  assert.equal((await service.ask('GET', '/orders', { token: accessToken })).status, 200);

  assert.equal((await refresh(first)).status, 401);
  assert.equal((await refresh(third)).status, 401);
  assert.equal((await service.ask('GET', '/orders', { token: accessToken })).status, 401);
});

test('logging out ends one session, or all of them', { skip }, async () => {
  const email = await service.register();
  const sessions = await times(3, async () => (await service.logIn(email)).json.data);
  const [gone, here, there] = sessions;

  const out = await service.ask('POST', '/auth/logout', { body: { refreshToken: gone.refreshToken } });
  assert.equal(out.status, 204);
  assert.equal((await refresh(gone.refreshToken)).status, 401);

  assert.equal((await service.ask('POST', '/auth/logout-all', { token: here.accessToken })).status, 204);
  for (const { refreshToken } of [here, there]) assert.equal((await refresh(refreshToken)).status, 401);
});

test('no token, a foreign one, an altered one and a refresh token open nothing', { skip }, async () => {
  const { accessToken, refreshToken } = await service.newcomer();
  const [, payload, signature] = accessToken.split('.');
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
  const bad = [undefined, 'x', refreshToken, `${none}.${payload}.`, `${none}.${payload}.${signature}`, `${accessToken}x`];

  for (const token of bad) {
    const { status, headers, json } = await service.ask('GET', '/orders', { token });
    assert.equal(status, 401);
    assert.match(headers['www-authenticate'], /^Bearer/);
    assert.match(json.traceId, /^[0-9a-f]{32}$/);
  }
});
