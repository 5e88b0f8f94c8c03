/**
 * Every error answer of the service (RFC 9457), always with the same members.
 *
 *   400 malformed · 401 unauthenticated · 404 notFound · 405 notAllowed · 409 conflict · 412 outdated
 *   413 tooLarge · 415 unsupported · 422 invalid · 423 locked · 429 tooMany · 503 unavailable
 */

export const PROBLEM_TYPE = 'application/problem+json';

export class Problem extends Error {
  constructor(status, title, detail, { errors = [], headers = {} } = {}) {
    super(detail);
    this.name = 'Problem';
    Object.assign(this, { status, title, detail, errors, headers });
  }

  body(traceId) {
    const { title, status, detail, errors } = this;
    return { type: 'about:blank', title, status, detail, errors, traceId };
  }
}

const later = (seconds) => ({ headers: { 'Retry-After': String(Math.max(1, Math.ceil(seconds))) } });

export const malformed = (detail) => new Problem(400, 'Bad Request', detail);
/** RFC 6750: an error code only when there was a token to complain about. */
export const unauthenticated = (detail, code) =>
  new Problem(401, 'Unauthorized', detail, {
    headers: { 'WWW-Authenticate': code ? `Bearer realm="orders", error="${code}"` : 'Bearer realm="orders"' },
  });
export const notFound = (detail) => new Problem(404, 'Not Found', detail);
export const notAllowed = (allow) =>
  new Problem(405, 'Method Not Allowed', `This path knows ${allow}.`, { headers: { Allow: allow } });
export const conflict = (detail) => new Problem(409, 'Conflict', detail);
export const underWay = () =>
  new Problem(409, 'Conflict', 'The first request with this key is still under way; try again.', later(1));
export const outdated = () =>
  new Problem(412, 'Precondition Failed', 'The order was changed since; read it again.');
export const tooLarge = () => new Problem(413, 'Content Too Large', 'The body is too large.');
export const unsupported = () =>
  new Problem(415, 'Unsupported Media Type', 'Send the body as application/json, in UTF-8.');
export const invalid = (field, message) =>
  new Problem(422, 'Unprocessable Content', `${field} ${message}.`, { errors: [{ field, message }] });
export const locked = (seconds) =>
  new Problem(423, 'Locked', 'There were too many failed logins; try again later.', later(seconds));
export const tooMany = (seconds) =>
  new Problem(429, 'Too Many Requests', 'You asked more often than the limit allows.', later(seconds));
export const unexpected = () =>
  new Problem(500, 'Internal Server Error', 'Something went wrong on our side.');
export const unavailable = () =>
  new Problem(503, 'Service Unavailable', 'The database cannot be reached at the moment; try again.', later(2));
export const overloaded = () =>
  new Problem(503, 'Service Unavailable', 'There is too much to do at the moment; try again.', later(2));
