/** Builds the parts and hands them to each other. */

import { Accounts } from './accounts.js';
import { createApp } from './app.js';
import { Database } from './database.js';
import { keepHouse } from './housekeeping.js';
import { deriveKeys } from './keys.js';
import { Limits } from './limits.js';
import { Lockout } from './lockout.js';
import { Orders } from './orders.js';
import { Passwords } from './passwords.js';
import { Sessions } from './sessions.js';
import { Shared } from './shared.js';

/** The application and how to stop what it stands on. */
export async function createService(settings, log) {
  const state = { stopping: false };
  const keys = deriveKeys(settings.secret);
  const database = new Database(settings.databaseUrl, log);
  const shared = new Shared(settings.redisUrl, log);
  const limits = new Limits(shared);
  const lockout = new Lockout(database, settings.lockoutSeconds);
  const sessions = new Sessions({ database, keys, accessSeconds: settings.accessSeconds });
  const accounts = new Accounts({ database, passwords: new Passwords(), lockout, sessions });
  const orders = new Orders(database);
  const app = createApp({ accounts, sessions, orders, database, limits, settings, keys, log, state });

  // Redis may be away at this moment; the service starts all the same and finds it later.
  await shared.open();
  const stopHousekeeping = keepHouse(database, log);
  const close = async () => {
    stopHousekeeping();
    shared.close();
    await database.close();
  };
  return { app, state, close };
}
