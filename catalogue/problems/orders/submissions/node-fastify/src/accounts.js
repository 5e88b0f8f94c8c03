/** Registering and logging in. */

import { refusedWith } from './database.js';
import { conflict, unauthenticated } from './problems.js';
import { moment } from './moment.js';

const TAKEN = '23505';

const taken = () => conflict('This e-mail address is taken.');

export class Accounts {
  #database;
  #passwords;
  #lockout;
  #sessions;

  constructor({ database, passwords, lockout, sessions }) {
    this.#database = database;
    this.#passwords = passwords;
    this.#lockout = lockout;
    this.#sessions = sessions;
  }

  async register({ email, password }) {
    // Nobody hashes a password in vain; of two at the same moment the insert decides.
    const known = await this.#database.rows('SELECT FROM users WHERE lower(email) = $1', [email.toLowerCase()]);
    if (known.length > 0) throw taken();
    const hash = await this.#passwords.hash(password);
    try {
      const [user] = await this.#database.rows(
        `INSERT INTO users (email, password_hash) VALUES ($1, $2)
         RETURNING id, email, ${moment('created_at')} AS "createdAt"`,
        [email, hash],
        { repeatable: false },
      );
      return user;
    } catch (error) {
      if (refusedWith(error, TAKEN)) throw taken();
      throw error;
    }
  }

  /** The tokens of a new session. */
  async logIn({ email, password }) {
    const account = email.toLowerCase();
    const session = await this.#lockout.guard(account, {
      check: async (query) => {
        const [user] = await query('SELECT id, password_hash AS hash FROM users WHERE lower(email) = $1', [account]);
        return user;
      },
      decide: async (user) => ((await this.#passwords.fits(password, user?.hash)) ? user : null),
      accept: (query, user) => this.#sessions.open(query, user.id),
    });
    if (!session) throw unauthenticated('The e-mail address or the password is wrong.');
    return this.#sessions.tokens(session);
  }
}
