/**
 * The cached list and the few commands about it.
 *
 * `books:list`   the list with the number of the last change it contains and a digest
 * `books:floor`  the lowest number a cached list may have; a writer raises it before it answers
 * `books:lease:…` who computes the list for that floor; lives half a second
 *
 * A list below the floor is never served and never stored, so it does not matter how late a slow
 * reader comes with it.
 */

import { createHash, randomUUID } from 'node:crypto';

const LIST = 'books:list';
const FLOOR = 'books:floor';
const LIST_TTL_MS = 60_000;
const FLOOR_TTL_MS = 3_600_000; // far longer than any list can live
const LEASE_MS = 500;

// MGET answers nil for a key of another type, where GET would be an error.
const STORE = `
  local held = redis.call('MGET', KEYS[2])[1] or ''
  if (tonumber(held) or 0) > tonumber(ARGV[2]) and held ~= ARGV[3] then return 0 end
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[5])
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
  return 1`;

const RAISE = `
  local held = tonumber(redis.call('MGET', KEYS[1])[1] or '') or 0
  if tonumber(ARGV[1]) > held then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
  return 1`;

const RELEASE = `
  if redis.call('MGET', KEYS[1])[1] == ARGV[1] then redis.call('DEL', KEYS[1]) end
  return 1`;

const digest = (revision, body) => createHash('sha256').update(`${revision}:${body}`).digest('base64');

export const encode = (revision, body) => `${revision}:${digest(revision, body)}:${body}`;

/** The entry as it was stored, or null for anything else that may stand under the key. */
export function decode(text) {
  const parts = /^(\d{1,15}):([^:]{44}):/.exec(text ?? '');
  if (!parts) return null;
  const revision = Number(parts[1]);
  const body = text.slice(parts[0].length);
  return digest(revision, body) === parts[2] ? { revision, body } : null;
}

export class Entries {
  #cache;

  constructor(cache) {
    this.#cache = cache;
  }

  /** { entry, floor, rawFloor }; the entry is null when there is none that can be read. */
  async read(budget) {
    const [list, rawFloor] = await this.#cache.ask(budget, (redis) => redis.mget(LIST, FLOOR));
    const floor = Number(rawFloor ?? 0);
    return {
      entry: decode(list),
      floor: Number.isSafeInteger(floor) ? floor : 0,
      rawFloor: rawFloor ?? '',
    };
  }

  /** Stores a list, unless a change it does not contain was announced since `rawFloor` was read. */
  async store(budget, { revision, body }, rawFloor) {
    const ttl = LIST_TTL_MS - Math.floor(Math.random() * LIST_TTL_MS * 0.1);
    await this.#cache.ask(budget, (redis) =>
      redis.eval(STORE, 2, LIST, FLOOR, encode(revision, body), revision, rawFloor, ttl, FLOOR_TTL_MS),
    );
  }

  /** Announces a change to all instances. */
  async raise(budget, revision) {
    await this.#cache.tell(budget, (redis) => redis.eval(RAISE, 1, FLOOR, revision, FLOOR_TTL_MS));
  }

  /** A function that gives the lease back, or null when another instance holds it. */
  async lease(budget, floor) {
    const key = `books:lease:${floor}`;
    const token = randomUUID();
    const mine = await this.#cache.ask(budget, (redis) => redis.set(key, token, 'PX', LEASE_MS, 'NX'));
    if (mine === null) return null;
    return (rest) => this.#cache.ask(rest, (redis) => redis.eval(RELEASE, 1, key, token));
  }
}
