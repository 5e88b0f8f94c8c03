/** The id that joins an answer, its log lines and the caller's trace (W3C Trace Context). */

import { randomBytes } from 'node:crypto';

const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace id of a valid traceparent header, else a new one. */
export function traceIdOf(header) {
  return TRACEPARENT.exec(header ?? '')?.[1] ?? randomBytes(16).toString('hex');
}
