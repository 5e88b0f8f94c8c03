/** Takes away what nobody will ask for again: old keys, sessions long over, guards without a try. */

import { describe } from './log.js';

const EVERY_MS = 15 * 60_000;
const AT_ONCE = 5000;

const oldest = (table, key, condition) =>
  `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${condition} LIMIT ${AT_ONCE})`;

// Keys hold for 24 hours; twice that is kept. The condition on a guard is repeated outside: it may have been
// touched while this statement waited for its row.
const CHORES = [
  oldest('idempotency_keys', 'ctid', "created_at < now() - interval '48 hours'"),
  oldest('sessions', 'id', "expires_at < now() - interval '1 day'"),
  `${oldest('login_guards', 'account', "touched_at < now() - interval '2 days'")}
   AND touched_at < now() - interval '2 days'`,
];

export function keepHouse(database, log) {
  const timer = setInterval(async () => {
    try {
      for (const chore of CHORES) await database.rows(chore);
    } catch (error) {
      log.warn(describe(error), 'housekeeping was put off');
    }
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
