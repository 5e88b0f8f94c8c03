/** Bounded waiting. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate, Turns } from '../src/gate.js';

const never = new Promise(() => {});

test('no more work is under way than there is room for', async () => {
  const gate = new Gate({ size: 2, queue: 10, ms: 5000 });
  let busy = 0;
  let most = 0;
  await Promise.all(Array.from({ length: 8 }, () => gate.run(async () => {
    busy += 1;
    most = Math.max(most, busy);
    await new Promise(setImmediate);
    busy -= 1;
  })));

  assert.equal(most, 2);
});

test('whoever finds the queue full, or waits too long, is refused', async () => {
  const gate = new Gate({ size: 1, queue: 1, ms: 10 });
  gate.run(() => never);
  const waiting = gate.run(async () => 'too late');

  await assert.rejects(gate.run(async () => 'no room'), { status: 503 });
  await assert.rejects(waiting, { status: 503 });
});

test('work that fails gives its place back', async () => {
  const turns = new Turns({ queue: 1, ms: 1000 });
  await assert.rejects(turns.run('key', async () => { throw new Error('failed'); }), /failed/);

  assert.equal(await turns.run('key', async () => 'next'), 'next');
});
