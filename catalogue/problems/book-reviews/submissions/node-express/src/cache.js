/**
 * Redis as something that may fail at any time: a request has a budget over all its commands, and
 * after a failure Redis is left alone for a moment.
 */

import { once } from 'node:events';
import { Redis, ReplyError } from 'ioredis';
import { describe } from './log.js';

const BUDGET_MS = 250;
const REST_MS = 1000;

export class CacheDown extends Error {}

/** How long one request may still wait for Redis, over all the commands it sends. */
export class Budget {
  #until = performance.now() + BUDGET_MS;

  left() {
    return Math.max(0, this.#until - performance.now());
  }
}

function withDeadline(promise, ms) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new CacheDown('no answer in time')), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

export class Cache {
  #client;
  #log;
  #failing = false;
  #restUntil = 0;
  #workedAt = -Infinity;

  constructor(url, log) {
    this.#log = log;
    this.#client = new Redis(url, {
      protocol: 2,
      lazyConnect: true,
      disableClientInfo: true,
      connectTimeout: 500,
      // The time limits here decide, not a queue of commands waiting for better days.
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(25 * 2 ** attempt, 500),
    });
    this.#client.on('error', (error) => this.#failed(error));
  }

  async open() {
    await withDeadline(this.#client.connect(), 500).catch((error) => this.#failed(error));
  }

  /** The result of one command; throws CacheDown at once while Redis is resting from a failure. */
  async ask(budget, command) {
    if (this.#failing) {
      if (performance.now() < this.#restUntil) throw new CacheDown('resting');
      // One caller at a time finds out whether it is back.
      this.#restUntil = performance.now() + REST_MS;
    }
    return this.#send(budget, command);
  }

  /** The same for what must be told if at all possible: no rest, and a lost connection may come back. */
  async tell(budget, command) {
    if (this.#client.status !== 'ready') {
      const signal = AbortSignal.timeout(Math.ceil(budget.left()));
      await once(this.#client, 'ready', { signal }).catch(() => {});
    }
    return this.#send(budget, command);
  }

  close() {
    this.#client.disconnect();
  }

  async #send(budget, command) {
    if (this.#client.status !== 'ready') throw this.#failed(new CacheDown('not connected'));
    const stream = this.#client.stream;
    const began = performance.now();
    try {
      const result = await withDeadline(command(this.#client), budget.left());
      this.#worked();
      return result;
    } catch (error) {
      // Where others were answered meanwhile it is this command that had bad luck, not Redis.
      if (this.#workedAt > began) throw new CacheDown('not this time', { cause: error });
      // A refusal (out of memory, loading) came over a connection that is fine; a silence did not.
      if (!(error instanceof ReplyError) && this.#client.stream === stream) this.#client.disconnect(true);
      throw this.#failed(error);
    }
  }

  #worked() {
    if (this.#failing) this.#log.info('the cache is used again');
    this.#failing = false;
    this.#workedAt = performance.now();
  }

  #failed(error) {
    if (!this.#failing) this.#log.warn('the cache is not usable', describe(error));
    this.#failing = true;
    this.#restUntil = performance.now() + REST_MS;
    return error instanceof CacheDown ? error : new CacheDown('unusable', { cause: error });
  }
}
