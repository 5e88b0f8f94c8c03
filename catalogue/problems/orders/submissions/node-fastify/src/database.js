/** The pool, its time limits, what is tried again, and which errors mean "not reachable". */

import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { describe } from './log.js';
import { Problem, unavailable } from './problems.js';

const POOL_SIZE = 10;
const CONNECT_MS = 2000; // waiting for a free or new connection
const ANSWER_MS = 3500; // waiting for an answer, also from a server that says nothing
const STATEMENT_MS = 3000; // the server gives up a little earlier than we do
const LOCK_MS = 2000;
const ATTEMPTS = 4;
const PATIENCE_MS = 2500; // nothing is begun again after that

const COLLISION = /^(40001|40P01)$/; // serialisation failure, deadlock
// SQLSTATE classes and codes that tell about the server and not about the statement:
// connection, resources, operator intervention, lock not available, and the collisions.
const SERVER_TROUBLE = /^(08|53|57|58)|^(55P03|25P02|25006|40001|40P01)$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
const CONNECTION_LOST = /^(ECONNRESET|EPIPE|57P01|57P02)$|^Connection terminated/;

const isReply = (error) => error instanceof pg.DatabaseError && SQLSTATE.test(error.code ?? '');
const isCollision = (error) => isReply(error) && COLLISION.test(error.code);
const isLost = (error) => CONNECTION_LOST.test(error.code ?? '') || CONNECTION_LOST.test(error.message);

/** Whether the database refused with this SQLSTATE. */
export const refusedWith = (error, sqlstate) => isReply(error) && error.code === sqlstate;

class NotCommitted extends Error {}

export class Database {
  #pool;
  #log;

  constructor(url, log) {
    this.#log = log;
    this.#pool = new pg.Pool({
      connectionString: url,
      max: POOL_SIZE,
      connectionTimeoutMillis: CONNECT_MS,
      idleTimeoutMillis: 60_000,
      query_timeout: ANSWER_MS,
      statement_timeout: STATEMENT_MS,
      lock_timeout: LOCK_MS,
      idle_in_transaction_session_timeout: 5000,
      keepAlive: true,
      application_name: 'orders',
    });
    // A connection that dies says so by an event, while idle through the pool and while at work itself.
    // An event nobody listens to would end the process; the statement under way fails either way.
    this.#pool.on('error', (error) => log.warn(describe(error), 'an idle database connection was lost'));
    this.#pool.on('connect', (connection) => connection.on('error', () => {}));
  }

  /**
   * Rows of one statement, which is a transaction of its own. Begun again after a collision, and
   * after a lost connection when it is `repeatable`: reads, and what does nothing the second time.
   */
  async rows(statement, values = [], { repeatable = true } = {}) {
    const work = async (connection) => (await connection.query(statement, values)).rows;
    return this.#persist(() => this.#with(work), (error) => repeatable && isLost(error));
  }

  /** The result of `work(query)` after its transaction was committed; `work` may run more than once. */
  async transaction(work) {
    let committing = false;
    const whole = async (connection) => {
      committing = false;
      const query = async (statement, values = []) => (await connection.query(statement, values)).rows;
      await query('BEGIN');
      const result = await work(query);
      committing = true;
      const { command } = await connection.query('COMMIT');
      // A transaction that failed inside is rolled back without a complaint.
      if (command !== 'COMMIT') throw new NotCommitted(`the database answered ${command} to COMMIT`);
      return result;
    };
    // Nobody knows what became of a commit whose answer was lost.
    return this.#persist(() => this.#with(whole), (error) => isLost(error) && !committing);
  }

  async ping() {
    await this.rows('SELECT 1');
  }

  async close() {
    await this.#pool.end();
  }

  async #persist(attempt, mayRepeat) {
    const until = performance.now() + PATIENCE_MS;
    for (let left = ATTEMPTS - 1; ; left -= 1) {
      try {
        return await attempt();
      } catch (error) {
        const again = isCollision(error) || mayRepeat(error);
        if (!again || left === 0 || performance.now() > until) throw this.#translate(error);
      }
      await pause(5 + Math.random() * 40);
    }
  }

  async #with(work) {
    const connection = await this.#pool.connect();
    let broken = true;
    try {
      const result = await work(connection);
      broken = false;
      return result;
    } catch (error) {
      broken = !(await this.#settled(connection, error));
      throw error;
    } finally {
      connection.release(broken);
    }
  }

  /** Whether the connection can be used again after this error. */
  async #settled(connection, error) {
    const ours = error instanceof Problem || (isReply(error) && !/^(08|53|57|58)/.test(error.code));
    if (!ours) return false;
    return connection.query('ROLLBACK').then(() => true, () => false);
  }

  #translate(error) {
    if (error instanceof Problem || (isReply(error) && !SERVER_TROUBLE.test(error.code))) return error;
    this.#log.warn(describe(error), 'the database did not do it');
    return Object.assign(unavailable(), { sqlstate: error.code });
  }
}
