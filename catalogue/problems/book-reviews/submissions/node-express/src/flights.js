/** Many askers, few answers: callers share one running computation instead of each starting theirs. */

export class Flights {
  #running = null;
  #next = null;

  /** The running computation, which may have begun before this call, or a new one. */
  join(work) {
    return this.#running ?? this.#start(work);
  }

  /**
   * A computation that begins after this call; all who call meanwhile get the same one. When the
   * running one fails so do they: it failed after they asked, and they have waited long enough.
   */
  after(work) {
    if (!this.#running) return this.#start(work);
    this.#next ??= this.#running
      .finally(() => {
        this.#next = null;
      })
      .then(() => this.#start(work));
    return this.#next;
  }

  #start(work) {
    const flight = work().finally(() => {
      if (this.#running === flight) this.#running = null;
    });
    this.#running = flight;
    return flight;
  }
}
