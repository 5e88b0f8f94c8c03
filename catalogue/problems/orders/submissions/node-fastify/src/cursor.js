/** Where a page ended: the moment and id of its last order, signed for one user. */

import { isSigned, sign } from './keys.js';
import { malformed } from './problems.js';

const CURSOR = /^([\w-]{1,200})\.([\w-]{43})$/;

export function writeCursor(key, userId, { createdAt, id }) {
  const payload = Buffer.from(`${createdAt} ${id}`).toString('base64url');
  return `${payload}.${sign(key, `${userId}.${payload}`)}`;
}

export function readCursor(key, userId, text) {
  const [, payload, signature] = CURSOR.exec(text) ?? [];
  if (!payload || !isSigned(key, `${userId}.${payload}`, signature)) throw malformed('The cursor is not one of yours.');
  const [createdAt, id] = Buffer.from(payload, 'base64url').toString().split(' ');
  return { createdAt, id };
}
