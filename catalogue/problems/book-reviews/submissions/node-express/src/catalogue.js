/** The list of books, from the cache where that is provably not old, else from the database. */

import { setTimeout as pause } from 'node:timers/promises';
import { Budget, CacheDown } from './cache.js';
import { Flights } from './flights.js';

const LOOK_AGAIN_MS = 15;

export class Catalogue {
  #repository;
  #entries;
  #revisions;
  #flights = new Flights();

  constructor({ repository, entries, revisions }) {
    this.#repository = repository;
    this.#entries = entries;
    this.#revisions = revisions;
  }

  /** The JSON text of the answer. */
  async list() {
    const budget = new Budget();
    const seen = await this.#look(budget);
    // Nobody can say which changes a computation under way has missed: only a later one will do.
    if (!seen) return (await this.#flights.after(() => this.#load())).body;
    if (seen.fresh) return seen.entry.body;
    const work = () => this.#refill(budget, seen);
    const shared = await this.#flights.join(work);
    if (shared.revision >= seen.floor) return shared.body;
    return (await this.#flights.after(work)).body;
  }

  /** Stores a book; when this returns, no instance serves a list without it. */
  async add(values) {
    const { book, revision } = await this.#repository.addBook(values);
    this.#revisions.heard(revision);
    // When Redis cannot be told, the other instances know from the database's notification.
    await this.#entries.raise(new Budget(), revision).catch(ignoreCacheDown);
    return book;
  }

  /** What the cache holds, with the lowest revision that may be served; null when it is down. */
  async #look(budget) {
    try {
      const seen = await this.#entries.read(budget);
      const floor = Math.max(seen.floor, this.#revisions.newest);
      return { ...seen, floor, fresh: seen.entry !== null && seen.entry.revision >= floor };
    } catch (error) {
      return ignoreCacheDown(error);
    }
  }

  async #load() {
    const known = this.#revisions.newest;
    const { revision, books } = await this.#repository.listBooks();
    if (revision < known) this.#revisions.wentBackTo(revision);
    else this.#revisions.heard(revision);
    return { revision, body: JSON.stringify({ items: books }) };
  }

  async #refill(budget, seen) {
    const giveBack = await this.#entries.lease(budget, seen.floor).catch(ignoreCacheDown);
    if (giveBack === null) {
      const filled = await this.#waitForOther(budget);
      if (filled) return filled;
    }
    const loaded = await this.#load();
    const rest = new Budget();
    await this.#entries.store(rest, loaded, seen.rawFloor).catch(ignoreCacheDown);
    await giveBack?.(rest).catch(ignoreCacheDown);
    return loaded;
  }

  /** The entry that the holder of the lease stores, or null when it takes too long about it. */
  async #waitForOther(budget) {
    while (budget.left() > LOOK_AGAIN_MS) {
      await pause(LOOK_AGAIN_MS);
      const seen = await this.#look(budget);
      if (!seen) return null;
      if (seen.fresh) return seen.entry;
    }
    return null;
  }
}

function ignoreCacheDown(error) {
  if (!(error instanceof CacheDown)) throw error;
  return null;
}
