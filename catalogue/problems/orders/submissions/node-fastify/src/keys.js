/** One key for each purpose, derived from the one secret, so that no signature passes for another. */

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

const KEY_BYTES = 32;

const derive = (secret, purpose) => Buffer.from(hkdfSync('sha256', secret, 'orders', purpose, KEY_BYTES));

export const deriveKeys = (secret) => ({
  access: derive(secret, 'access-token'),
  refresh: derive(secret, 'refresh-token'),
  cursor: derive(secret, 'cursor'),
});

export const sign = (key, text) => createHmac('sha256', key).update(text).digest('base64url');

/** Compares the signatures as texts: the last letter of one has bits that decoding would ignore. */
export function isSigned(key, text, signature) {
  const expected = Buffer.from(sign(key, text));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
