/** The application: what all requests have in common, around the routes. */

import Fastify, { LogController } from 'fastify';
import { DOCUMENT } from './contract.js';
import { describe } from './log.js';
import {
  PROBLEM_TYPE, Problem, invalid, malformed, notAllowed, notFound, tooLarge, unexpected, unsupported,
} from './problems.js';
import { accountRoutes, orderRoutes } from './routes.js';
import { traceIdOf } from './trace.js';

const API = '/api/v1';
const BODY_LIMIT = 64 * 1024;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseJson(request, bytes, done) {
  try {
    done(null, JSON.parse(utf8.decode(bytes)));
  } catch {
    done(malformed('The body is not JSON in UTF-8.'));
  }
}

/** What the framework complains about, in the words of this service. */
function toProblem(error) {
  if (error instanceof Problem) return error;
  if (error.validation) {
    const [{ instancePath, params, message }] = error.validation;
    const field = instancePath.slice(1) || params.missingProperty || params.additionalProperty || 'body';
    return invalid(String(field).slice(0, 100), message);
  }
  if (error.statusCode === 413) return tooLarge();
  if (error.statusCode === 415) return unsupported();
  if (error.statusCode >= 400 && error.statusCode < 500) return malformed('The request cannot be read.');
  return unexpected();
}

function answerError(error, request, reply) {
  const problem = toProblem(error);
  if (problem.status === 500) request.log.error(describe(error), 'unexpected');
  // Nobody reads the rest of a body that was refused.
  if (problem.status === 413) reply.header('Connection', 'close');
  return reply.code(problem.status).headers(problem.headers).type(PROBLEM_TYPE)
    .send(JSON.stringify(problem.body(request.id)));
}

/** What is not even HTTP is answered in the shape of all other errors. */
function answerGarbage(log) {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy();
    const problem = error.code === 'HPE_HEADER_OVERFLOW'
      ? new Problem(431, 'Request Header Fields Too Large', 'The headers are too large.')
      : malformed('This is not a request that can be read.');
    const traceId = traceIdOf();
    log.info({ traceId, status: problem.status }, 'request');
    const body = JSON.stringify(problem.body(traceId));
    return socket.end(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\nContent-Type: ${PROBLEM_TYPE}\r\n`
      + `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  };
}

/** Remembers the routes, to tell a path nobody knows from a method the path does not know. */
function knownRoutes(app) {
  const known = new Map();
  app.addHook('onRoute', ({ url, method }) => {
    const { pattern, methods } = known.get(url)
      ?? { pattern: new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+')}$`), methods: new Set() };
    for (const name of [method].flat()) methods.add(name);
    known.set(url, { pattern, methods });
  });
  return (path) => [...known.values()].find(({ pattern }) => pattern.test(path))?.methods;
}

function onEveryRequest(app, { limits, perIp, state }) {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('X-Trace-Id', request.id);
    if (state.stopping) reply.header('Connection', 'close');
    if (!request.routeOptions.config?.unlimited) await limits.take(`ip:${request.socket.remoteAddress}`, perIp);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request;
    const path = url.split('?', 1)[0].slice(0, 200);
    request.log.info({ method, path, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, 'request');
  });
}

function serviceRoutes(app, { database, state }) {
  app.get(`${API}/openapi.json`, async (request, reply) => reply.type('application/json').send(DOCUMENT));
  const open = { config: { unlimited: true } };
  // Alive: this process answers. A database that is down is no reason to restart it.
  app.get('/health', open, async () => ({ status: 'ok' }));
  // Ready: worth sending requests to.
  app.get('/ready', open, async () => {
    if (state.stopping) throw new Problem(503, 'Service Unavailable', 'This instance is stopping.');
    await database.ping();
    return { status: 'ready' };
  });
}

export function createApp({ accounts, sessions, orders, database, limits, settings, keys, log, state }) {
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'traceId' }),
    genReqId: (raw) => traceIdOf(raw.headers.traceparent),
    bodyLimit: BODY_LIMIT,
    keepAliveTimeout: 75_000,
    requestTimeout: 30_000,
    // Requests that were sent before the sender could know are still answered.
    return503OnClosing: false,
    clientErrorHandler: answerGarbage(log),
    // An address that cannot be decoded is refused before any hook runs.
    frameworkErrors: (error, request, reply) => {
      request.log.info({ status: toProblem(error).status }, 'request');
      answerError(error, request, reply);
    },
    // A text is not a number, and what nobody asked for is refused, not taken away.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  });

  const methodsOf = knownRoutes(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, parseJson);
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request) => {
    const methods = methodsOf(request.url.split('?', 1)[0]);
    if (methods && !methods.has(request.method)) throw notAllowed([...methods].join(', '));
    throw notFound('There is nothing at this path.');
  });
  onEveryRequest(app, { limits, perIp: settings.perIp, state });

  const signedIn = async (request) => {
    const user = await sessions.identify(request.headers.authorization);
    await limits.take(`user:${user.userId}`, settings.perUser);
    await sessions.confirm(user);
    request.user = user;
  };
  app.decorateRequest('user', null);
  app.register(accountRoutes({ accounts, sessions, signedIn }), { prefix: `${API}/auth` });
  app.register(orderRoutes({ orders, signedIn, cursorKey: keys.cursor }), { prefix: API });
  serviceRoutes(app, { database, state });
  return app;
}
