/**
 * Every error answer of the service (RFC 9457), always with the same members.
 *
 *   Problem
 *   ├── malformed()      400  the body cannot be read
 *   ├── notFound()       404
 *   ├── notAllowed()     405  with Allow
 *   ├── conflict()       409
 *   ├── tooLarge()       413
 *   ├── unsupported()    415
 *   ├── invalid()        422  with one entry per field
 *   └── unavailable()    503  with Retry-After
 */

export const PROBLEM_TYPE = 'application/problem+json';

export class Problem extends Error {
  constructor(status, title, detail, { errors = [], headers = {} } = {}) {
    super(detail);
    this.name = 'Problem';
    Object.assign(this, { status, title, detail, errors, headers });
  }

  body(traceId) {
    return {
      type: 'about:blank',
      title: this.title,
      status: this.status,
      detail: this.detail,
      errors: this.errors,
      trace_id: traceId,
    };
  }
}

export const malformed = (detail) => new Problem(400, 'Bad Request', detail);
export const notFound = (detail) => new Problem(404, 'Not Found', detail);
export const conflict = (detail) => new Problem(409, 'Conflict', detail);
export const tooLarge = (detail) => new Problem(413, 'Content Too Large', detail);
export const unsupported = (detail) => new Problem(415, 'Unsupported Media Type', detail);
export const invalid = (errors) =>
  new Problem(422, 'Unprocessable Content', 'The body breaks a rule; see errors.', { errors });
export const notAllowed = (allow) =>
  new Problem(405, 'Method Not Allowed', `This path knows ${allow}.`, { headers: { Allow: allow } });
export const unavailable = () =>
  new Problem(503, 'Service Unavailable', 'The database cannot be reached at the moment; try again.', {
    headers: { 'Retry-After': '2' },
  });
export const unexpected = () =>
  new Problem(500, 'Internal Server Error', 'Something went wrong on our side.');
