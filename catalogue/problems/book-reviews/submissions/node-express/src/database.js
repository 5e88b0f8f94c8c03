/** The pool, its time limits, and which of its errors mean "not reachable". */

import pg from 'pg';
import { describe } from './log.js';
import { unavailable } from './problems.js';

const CONNECT_MS = 2500; // waiting for a free or new connection
const ANSWER_MS = 4000; // waiting for an answer, also from a server that says nothing
const STATEMENT_MS = 3500; // the server gives up a little earlier than we do
const POOL_SIZE = 10;

// SQLSTATE classes and codes that tell about the server and not about the statement:
// connection, resources, operator intervention, lock not available, serialisation, deadlock.
const SERVER_TROUBLE = /^(08|53|57|58)|^(55P03|40001|40P01)$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
const CONNECTION_LOST = /^(ECONNRESET|EPIPE|57P01|57P02)$|^Connection terminated/;

const isReply = (error) => error instanceof pg.DatabaseError && SQLSTATE.test(error.code ?? '');
const isLost = (error) => CONNECTION_LOST.test(error.code ?? '') || CONNECTION_LOST.test(error.message);

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
      idle_in_transaction_session_timeout: 5000,
      keepAlive: true,
      application_name: 'book-reviews',
    });
    // A connection that dies says so by an event, while idle through the pool and while at work itself.
    // An event nobody listens to would end the process; the statement under way fails either way.
    this.#pool.on('error', (error) => log.warn('an idle database connection was lost', describe(error)));
    this.#pool.on('connect', (connection) => connection.on('error', () => {}));
  }

  /** Rows of one statement that only reads; asked once more when a stale connection was to blame. */
  async read(statement, values = []) {
    try {
      return await this.#once(statement, values);
    } catch (error) {
      if (!isLost(error)) throw this.#translate(error);
    }
    return this.write(statement, values);
  }

  /** Rows of one statement, never sent twice: nobody knows whether a lost one was committed. */
  async write(statement, values = []) {
    try {
      return await this.#once(statement, values);
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async close() {
    await this.#pool.end();
  }

  async #once(statement, values) {
    const connection = await this.#pool.connect();
    let broken = true;
    try {
      const { rows } = await connection.query(statement, values);
      broken = false;
      return rows;
    } catch (error) {
      broken = !isReply(error) || SERVER_TROUBLE.test(error.code);
      throw error;
    } finally {
      connection.release(broken);
    }
  }

  #translate(error) {
    if (isReply(error) && !SERVER_TROUBLE.test(error.code)) return error;
    this.#log.warn('the database is not reachable', describe(error));
    return unavailable();
  }
}

export const violates = (error, sqlstate) => isReply(error) && error.code === sqlstate;
