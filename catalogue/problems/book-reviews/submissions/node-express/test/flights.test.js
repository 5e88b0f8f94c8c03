/** Who shares whose computation. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flights } from '../src/flights.js';

function controlled() {
  const begun = [];
  const work = () => new Promise((resolve, reject) => begun.push({ resolve, reject }));
  return { begun, work };
}

const settled = () => new Promise((resolve) => {
  setImmediate(resolve);
});

test('all who join while one runs get its result', async () => {
  const { begun, work } = controlled();
  const flights = new Flights();
  const answers = [flights.join(work), flights.join(work), flights.join(work)];
  begun[0].resolve('list');

  assert.deepEqual(await Promise.all(answers), ['list', 'list', 'list']);
  assert.equal(begun.length, 1);
});

test('who needs a later one gets one that began after the call, shared by all who came meanwhile', async () => {
  const { begun, work } = controlled();
  const flights = new Flights();
  const first = flights.join(work);
  const later = [flights.after(work), flights.after(work)];
  begun[0].resolve('old');
  assert.equal(await first, 'old');
  await settled();
  begun[1].resolve('new');

  assert.deepEqual(await Promise.all(later), ['new', 'new']);
  assert.equal(begun.length, 2);
});

test('a failure is told to everyone who waited and to nobody who comes afterwards', async () => {
  const { begun, work } = controlled();
  const flights = new Flights();
  const waiting = [flights.join(work), flights.join(work), flights.after(work)];
  begun[0].reject(new Error('down'));
  for (const answer of waiting) await assert.rejects(answer, /down/);
  const next = flights.join(work);
  begun[1].resolve('up');

  assert.equal(await next, 'up');
});
