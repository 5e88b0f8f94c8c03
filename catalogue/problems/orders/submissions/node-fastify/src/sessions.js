/**
 * Sessions and their two kinds of tokens.
 *
 * A refresh token is the session, a number, and a signature over both; nothing of it is stored but the newest
 * number. Number n gives n+1, again and again until n+1 itself is used: so a client that asked twice, or
 * lost an answer, gets the same token. After that n is a stolen one, and ends the session.
 */

import { randomUUID } from 'node:crypto';
import { SignJWT, errors, jwtVerify } from 'jose';
import { isSigned, sign } from './keys.js';
import { unauthenticated } from './problems.js';

const SESSION_DAYS = 30;
const ALGORITHM = 'HS256';
const NAMES = { issuer: 'orders', audience: 'orders-api', typ: 'at+jwt' };
const REFRESH = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(0|[1-9][0-9]{0,8})\.([\w-]{43})$/;

const refused = () => unauthenticated('The refresh token is not valid (any more).', 'invalid_token');

export class Sessions {
  #database;
  #keys;
  #seconds;

  constructor({ database, keys, accessSeconds }) {
    this.#database = database;
    this.#keys = keys;
    this.#seconds = accessSeconds;
  }

  /** A new session of the user, stored by the caller's transaction. */
  async open(query, userId) {
    const id = randomUUID();
    await query(
      'INSERT INTO sessions (id, user_id, expires_at) VALUES ($1, $2, now() + make_interval(days => $3))',
      [id, userId, SESSION_DAYS],
    );
    return { id, userId, generation: 0 };
  }

  /** The pair of tokens of a session as it stands. */
  async tokens({ id, userId, generation }) {
    const accessToken = await new SignJWT({ sid: id })
      .setProtectedHeader({ alg: ALGORITHM, typ: NAMES.typ })
      .setIssuer(NAMES.issuer)
      .setAudience(NAMES.audience)
      .setSubject(userId)
      .setIssuedAt()
      .setExpirationTime(`${this.#seconds}s`)
      .sign(this.#keys.access);
    const told = `${id}.${generation}`;
    const refreshToken = `${told}.${sign(this.#keys.refresh, told)}`;
    return { accessToken, tokenType: 'bearer', expiresIn: this.#seconds, refreshToken };
  }

  /** A new pair for a refresh token; a replaced one ends the session. */
  async refresh(token) {
    const { id, generation } = this.#read(token);
    const [session] = await this.#database.rows(
      `UPDATE sessions SET generation = $2 + 1
       WHERE id = $1 AND generation IN ($2, $2 + 1) AND ended_at IS NULL AND expires_at > now()
       RETURNING id, user_id AS "userId", generation`,
      [id, generation],
    );
    if (session) return this.tokens(session);
    await this.#database.rows(
      'UPDATE sessions SET ended_at = now() WHERE id = $1 AND generation > $2 + 1 AND ended_at IS NULL',
      [id, generation],
    );
    throw refused();
  }

  /** Ends the session of a refresh token, also when it has ended before. */
  async end(token) {
    const { id } = this.#read(token);
    await this.#database.rows('UPDATE sessions SET ended_at = now() WHERE id = $1 AND ended_at IS NULL', [id]);
  }

  async endAll(userId) {
    await this.#database.rows('UPDATE sessions SET ended_at = now() WHERE user_id = $1 AND ended_at IS NULL', [userId]);
  }

  /** Who the bearer of the access token is; not yet whether the session lasts. */
  async identify(authorization = '') {
    const [scheme, token, ...rest] = authorization.split(' ');
    if (scheme.toLowerCase() !== 'bearer') throw unauthenticated('Send a bearer token.');
    if (!token || rest.length > 0) throw unauthenticated('The bearer token is malformed.', 'invalid_token');
    try {
      const { payload } = await jwtVerify(token, this.#keys.access, {
        ...NAMES, algorithms: [ALGORITHM], requiredClaims: ['sub', 'sid', 'exp', 'iat'],
      });
      return { userId: payload.sub, sessionId: payload.sid };
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      throw unauthenticated('The access token is not valid (any more).', 'invalid_token');
    }
  }

  /** Refuses what belongs to a session that has ended. */
  async confirm({ sessionId, userId }) {
    const found = await this.#database.rows(
      'SELECT 1 FROM sessions WHERE id = $1 AND user_id = $2 AND ended_at IS NULL',
      [sessionId, userId],
    );
    if (found.length === 0) throw unauthenticated('The session has ended.', 'invalid_token');
  }

  #read(token) {
    const [, id, digits, signature] = REFRESH.exec(token) ?? [];
    if (!id || !isSigned(this.#keys.refresh, `${id}.${digits}`, signature)) throw refused();
    return { id, generation: Number(digits) };
  }
}
