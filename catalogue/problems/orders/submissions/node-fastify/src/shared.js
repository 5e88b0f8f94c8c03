/**
 * Redis as something that may fail at any time: a command has a budget, and after a failure Redis is
 * left alone for a moment.
 */

import { Redis, ReplyError } from 'ioredis';
import { describe } from './log.js';

const BUDGET_MS = 400;
const REST_MS = 1000;

export class RedisDown extends Error {}

function withDeadline(promise, ms) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new RedisDown('no answer in time')), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

export class Shared {
  #client;
  #log;
  #failing = false;
  #restUntil = 0;

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

  define(name, script) {
    this.#client.defineCommand(name, { numberOfKeys: 1, lua: script });
  }

  /** The result of one command; throws RedisDown at once while Redis is resting from a failure. */
  async ask(command) {
    if (this.#failing) {
      if (performance.now() < this.#restUntil) throw new RedisDown('resting');
      // One caller at a time finds out whether it is back.
      this.#restUntil = performance.now() + REST_MS;
    }
    if (this.#client.status !== 'ready') throw this.#failed(new RedisDown('not connected'));
    const { stream } = this.#client;
    try {
      const result = await withDeadline(command(this.#client), BUDGET_MS);
      if (this.#failing) this.#log.info('Redis is used again');
      this.#failing = false;
      return result;
    } catch (error) {
      // A refusal (out of memory, loading) came over a connection that is fine; a silence did not.
      if (!(error instanceof ReplyError) && this.#client.stream === stream) this.#client.disconnect(true);
      throw this.#failed(error);
    }
  }

  close() {
    this.#client.disconnect();
  }

  #failed(error) {
    if (!this.#failing) this.#log.warn(describe(error), 'Redis is not usable');
    this.#failing = true;
    this.#restUntil = performance.now() + REST_MS;
    return error instanceof RedisDown ? error : new RedisDown('unusable', { cause: error });
  }
}
