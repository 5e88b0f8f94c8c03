/** Hashing passwords without stopping everything else: argon2id in threads, few at a time. */

import { availableParallelism } from 'node:os';
import { randomBytes } from 'node:crypto';
import { Algorithm, hash, verify } from '@node-rs/argon2';
import { Gate } from './gate.js';

// OWASP's minimum: 19 MiB, two passes, one lane.
const COST = { algorithm: Algorithm.Argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const LONGEST_QUEUE = 300;
const LONGEST_WAIT_MS = 8000;

export class Passwords {
  // One core stays free for the requests that hash nothing.
  #gate = new Gate({ size: Math.max(1, availableParallelism() - 1), queue: LONGEST_QUEUE, ms: LONGEST_WAIT_MS });
  #nobodys = null;

  async hash(password) {
    return this.#gate.run(() => hash(password, COST));
  }

  /** Whether the password fits; without a hash it does not, after the same work. */
  async fits(password, stored) {
    if (stored) return this.#gate.run(() => verify(stored, password));
    this.#nobodys ??= hash(randomBytes(24).toString('hex'), COST);
    const decoy = await this.#nobodys;
    await this.#gate.run(() => verify(decoy, password));
    return false;
  }
}
