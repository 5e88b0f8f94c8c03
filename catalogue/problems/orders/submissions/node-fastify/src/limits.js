/**
 * Requests per minute: in any sixty seconds no more than the limit, counted for all instances in Redis and,
 * while Redis is down, by each for itself.
 */

import { randomBytes } from 'node:crypto';
import { RedisDown } from './shared.js';
import { tooMany } from './problems.js';

const WINDOW_MS = 60_000;
const MOST_CLIENTS = 10_000; // remembered in this process

// A log of the requests that were let through, by the clock of Redis. Gives the microseconds to wait.
const TAKE = `
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local window = ${WINDOW_MS * 1000}
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
  if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('ZADD', KEYS[1], now, ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ${WINDOW_MS + 1000})
    return 0
  end
  return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] + window - now`;

export class Limits {
  #shared;
  #own = new Map();

  constructor(shared) {
    this.#shared = shared;
    shared.define('takeTurn', TAKE);
  }

  /** Counts one request of the client; throws the answer when it is one too many. */
  async take(client, limit) {
    if (limit === 0) return;
    const wait = await this.#shared
      .ask((redis) => redis.takeTurn(`limit:${client}`, limit, randomBytes(9).toString('base64')))
      .then((microseconds) => microseconds / 1e6)
      .catch((error) => {
        if (!(error instanceof RedisDown)) throw error;
        return this.#takeAlone(client, limit);
      });
    if (wait > 0) throw tooMany(wait);
  }

  #takeAlone(client, limit) {
    const now = performance.now();
    const recent = (this.#own.get(client) ?? []).filter((at) => at > now - WINDOW_MS);
    this.#own.delete(client);
    if (this.#own.size >= MOST_CLIENTS) this.#own.delete(this.#own.keys().next().value);
    this.#own.set(client, recent);
    if (recent.length >= limit) return (recent[0] + WINDOW_MS - now) / 1000;
    recent.push(now);
    return 0;
  }
}
