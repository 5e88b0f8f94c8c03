/** The id that joins an answer, its log line and the caller's trace (W3C Trace Context). */

import { randomBytes } from 'node:crypto';

const VERSION_00 = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
// A later version may say more after the flags; ff is no version.
const LATER = /^(?!00|ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/** The trace id of a valid traceparent header, else a new one. */
export function traceIdOf(header = '') {
  const found = VERSION_00.exec(header) ?? LATER.exec(header);
  return found?.[1] ?? randomBytes(16).toString('hex');
}
