/**
 * What this instance knows about the age of the list: the number of the newest change it heard of.
 *
 * It hears of a change from its own writes and from PostgreSQL's notifications, so it also knows of
 * changes made while Redis could not be told.
 */

import pg from 'pg';
import { describe } from './log.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;

export class Revisions {
  #newest = 0;

  get newest() {
    return this.#newest;
  }

  heard(revision) {
    if (Number.isSafeInteger(revision) && revision > this.#newest) this.#newest = revision;
  }

  /**
   * The database answered with a number below the one known before it was asked. Numbers never fall
   * but when a database was restored or emptied; then what the database says is the truth.
   */
  wentBackTo(revision) {
    this.#newest = revision;
  }
}

/** A connection of its own that listens for changes and comes back by itself when it is lost. */
export class RevisionListener {
  #url;
  #revisions;
  #log;
  #client = null;
  #timer = null;
  #pause = FIRST_PAUSE_MS;
  #closed = false;

  constructor(url, revisions, log) {
    this.#url = url;
    this.#revisions = revisions;
    this.#log = log;
  }

  async start() {
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: 1000,
      query_timeout: 2000,
      keepAlive: true,
      application_name: 'book-reviews listener',
    });
    this.#client = client;
    let lost = false;
    const retry = (error) => {
      if (lost) return;
      lost = true;
      client.end().catch(() => {});
      this.#again(error);
    };
    client.on('error', retry);
    client.on('end', () => retry(new Error('The listening connection ended.')));
    client.on('notification', ({ payload }) => this.#revisions.heard(Number(payload)));
    try {
      await client.connect();
      await client.query('LISTEN list_changed');
      // Whatever changed while nobody listened.
      const { rows } = await client.query('SELECT current_list_revision() AS revision');
      this.#revisions.heard(Number(rows[0].revision));
      this.#pause = FIRST_PAUSE_MS;
    } catch (error) {
      retry(error);
    }
  }

  async close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => {});
  }

  #again(error) {
    if (this.#closed) return;
    this.#log.warn('not listening for changes', describe(error));
    this.#timer = setTimeout(() => this.start(), this.#pause);
    this.#timer.unref();
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }
}
