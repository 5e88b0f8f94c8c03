/** Requests per minute, over two instances. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip, tally, world } from './world.js';

const service = world({ settings: { perUser: 10 } });

test('a user is let through as often as the limit says, at all instances together', { skip }, async () => {
  const { accessToken: token } = await service.newcomer();
  const answers = [];
  for (let number = 0; number < 16; number += 1) {
    answers.push(await service.ask('GET', '/orders', { token, instance: number % 2 }));
  }

  assert.deepEqual(tally(answers), { 200: 10, 429: 6 });
  assert.ok(Number(answers.at(-1).headers['retry-after']) <= 60);
  const { accessToken: other } = await service.newcomer();
  assert.equal((await service.ask('GET', '/orders', { token: other })).status, 200);
});
