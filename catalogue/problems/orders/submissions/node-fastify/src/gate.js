/** Bounded waiting inside this process: so many at once, so many behind them, so long at most. */

import { overloaded } from './problems.js';

export class Gate {
  #free;
  #waiting = [];
  #queue;
  #ms;

  constructor({ size, queue, ms }) {
    this.#free = size;
    this.#queue = queue;
    this.#ms = ms;
  }

  /** The result of `work`, begun when there is room; throws `refusal()` when there will be none. */
  async run(work, refusal = overloaded) {
    await this.#enter(refusal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  #enter(refusal) {
    if (this.#free > 0) {
      this.#free -= 1;
      return undefined;
    }
    if (this.#waiting.length >= this.#queue) throw refusal();
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(refusal());
      }, this.#ms);
      this.#waiting.push(enter);
    });
  }
}

/** One at a time for each key. */
export class Turns {
  #gates = new Map();
  #limits;

  constructor(limits) {
    this.#limits = limits;
  }

  async run(key, work, refusal) {
    const known = this.#gates.get(key) ?? { gate: new Gate({ size: 1, ...this.#limits }), users: 0 };
    this.#gates.set(key, known);
    known.users += 1;
    try {
      return await known.gate.run(work, refusal);
    } finally {
      known.users -= 1;
      if (known.users === 0) this.#gates.delete(key);
    }
  }
}
