/** What carries a signature. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCursor, writeCursor } from '../src/cursor.js';
import { deriveKeys, isSigned, sign } from '../src/keys.js';
import { traceIdOf } from '../src/trace.js';

const { cursor: key, refresh } = deriveKeys('a secret of more than thirty-two letters');
const place = { createdAt: '2024-01-01T00:00:00.000001Z', id: '3f2b8f9e-6f0c-4a55-9a61-0d3c5c0b7a11' };

test('a cursor comes back as it was written', () => {
  assert.deepEqual(readCursor(key, 'ada', writeCursor(key, 'ada', place)), place);
});

test('a cursor with any other last letter is refused', () => {
  const cursor = writeCursor(key, 'ada', place);
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (const letter of letters.replace(cursor.at(-1), '')) {
    assert.throws(() => readCursor(key, 'ada', cursor.slice(0, -1) + letter), { status: 400 });
  }
});

test('a signature for one purpose is none for another', () => {
  assert.ok(isSigned(key, 'text', sign(key, 'text')));
  assert.ok(!isSigned(refresh, 'text', sign(key, 'text')));
});

test('the trace id is that of a valid traceparent and else a new one', () => {
  const id = '0af7651916cd43dd8448eb211c80319c';
  assert.equal(traceIdOf(`00-${id}-b7ad6b7169203331-01`), id);
  for (const bad of [`ff-${id}-b7ad6b7169203331-01`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, 'nonsense', undefined]) {
    assert.match(traceIdOf(bad), /^[0-9a-f]{32}$/);
    assert.notEqual(traceIdOf(bad), id);
  }
});
