/**
 * No more than five wrong passwords for one account, however many guess at once and wherever.
 *
 * A try is written down before its password is looked at, under the lock of the account's guard, so that no
 * two tries can take the same place. A try that nobody finished (its process died) counts as failed.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { Turns } from './gate.js';
import { locked } from './problems.js';

const FAILURES = 5;
const ABANDONED_SECONDS = 15;
const LOOK_AGAIN_MS = 25;
const PATIENCE_MS = 3000;

const HOLD = `
  INSERT INTO login_guards (account) VALUES ($1)
  ON CONFLICT (account) DO UPDATE SET touched_at = clock_timestamp()
  RETURNING extract(epoch FROM locked_until - clock_timestamp())::float8 AS seconds`;

// A statement after the lock was got sees everything that was committed before.
const COUNT = `
  SELECT count(*) FILTER (WHERE failed OR age > $3)::int AS failed,
         count(*) FILTER (WHERE NOT failed AND age <= $3)::int AS trying,
         coalesce($2 - max(age), 0)::float8 AS seconds
  FROM (SELECT failed, extract(epoch FROM clock_timestamp() - began_at) AS age
        FROM login_tries WHERE account = $1) AS tries
  WHERE age < $2`;

export class Lockout {
  #database;
  #seconds;
  #turns = new Turns({ queue: 200, ms: 3500 });

  constructor(database, seconds) {
    this.#database = database;
    this.#seconds = seconds;
  }

  /**
   * What `check(query)` prepared and `decide(prepared)` found out; null counts as a wrong password.
   * `accept(query, found)` runs in the transaction that forgets the failures, and its result is returned.
   */
  async guard(account, { check, decide, accept }) {
    return this.#turns.run(account, async () => {
      const { id, prepared } = await this.#begin(account, check);
      const found = await decide(prepared).catch(async (error) => {
        await this.#database.rows('DELETE FROM login_tries WHERE id = $1', [id]).catch(() => {});
        throw error;
      });
      if (found === null) {
        await this.#failed(account, id);
        return null;
      }
      return this.#succeeded(account, id, (query) => accept(query, found));
    });
  }

  async #begin(account, check) {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const begun = await this.#database.transaction((query) => this.#place(query, account, check));
      if (begun.id) return begun;
      // The last places are taken by tries under way at another instance: how they end decides.
      if (!begun.soon || performance.now() > until) throw locked(begun.seconds);
      await pause(LOOK_AGAIN_MS);
    }
  }

  async #place(query, account, check) {
    const [guard] = await query(HOLD, [account]);
    if (guard.seconds > 0) return { seconds: guard.seconds };
    const [count] = await query(COUNT, [account, this.#seconds, ABANDONED_SECONDS]);
    if (count.failed >= FAILURES) return { seconds: count.seconds };
    if (count.failed + count.trying >= FAILURES) return { seconds: 1, soon: true };
    const [{ id }] = await query('INSERT INTO login_tries (account) VALUES ($1) RETURNING id', [account]);
    return { id, prepared: await check(query) };
  }

  async #failed(account, id) {
    await this.#database.transaction(async (query) => {
      await query(HOLD, [account]);
      await query('UPDATE login_tries SET failed = true WHERE id = $1', [id]);
      const [count] = await query(COUNT, [account, this.#seconds, ABANDONED_SECONDS]);
      if (count.failed < FAILURES) return;
      await query('DELETE FROM login_tries WHERE account = $1 AND failed', [account]);
      await query(
        'UPDATE login_guards SET locked_until = clock_timestamp() + make_interval(secs => $2) WHERE account = $1',
        [account, this.#seconds],
      );
    });
  }

  async #succeeded(account, id, accept) {
    return this.#database.transaction(async (query) => {
      await query(HOLD, [account]);
      await query(
        `DELETE FROM login_tries WHERE account = $1
         AND (failed OR id = $2 OR began_at < clock_timestamp() - make_interval(secs => $3))`,
        [account, id, ABANDONED_SECONDS],
      );
      return accept(query);
    });
  }
}
