/** Paths, methods, statuses and headers. */

import express from 'express';
import { readFileSync } from 'node:fs';
import { describe } from './log.js';
import {
  PROBLEM_TYPE, Problem, malformed, notAllowed, notFound, tooLarge, unexpected, unsupported,
} from './problems.js';
import { traceIdOf } from './trace.js';
import { bookId, parseObject, validBook, validReview } from './validation.js';

// Far above any body that keeps the rules, so that a text that is too long is told so.
const BODY_LIMIT = 2 * 1024 * 1024;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

const OPENAPI = readFileSync(new URL('../openapi.json', import.meta.url), 'utf8');

const rawBody = express.raw({ type: () => true, limit: BODY_LIMIT, inflate: false });

function jsonOnly(request, response, next) {
  const type = request.get('content-type');
  if (type && !JSON_TYPE.test(type)) throw unsupported('Send the body as application/json.');
  next();
}

/** The handler of each method of one path; every other method is answered with 405. */
function mount(app, path, handlers) {
  const route = app.route(path);
  const allow = Object.keys(handlers).flatMap((name) => (name === 'get' ? ['GET', 'HEAD'] : [name.toUpperCase()]));
  for (const [method, handler] of Object.entries(handlers)) {
    if (method === 'post') route.post(jsonOnly, rawBody, handler);
    else route[method](handler);
  }
  route.options((request, response) => response.set('Allow', allow.join(', ')).status(204).end());
  route.all(() => {
    throw notAllowed(allow.join(', '));
  });
}

const bodyOf = (request) => {
  if (!Buffer.isBuffer(request.body)) throw malformed('A body is required.');
  return parseObject(request.body);
};

const sendJson = (response, text) => response.type('application/json').send(text);

/** What the parsers of the framework complain about, in the words of this service. */
function toProblem(error) {
  if (error instanceof Problem) return error;
  if (error.status === 413) return tooLarge('The body is too large.');
  if (error.status === 415) return unsupported('Send the body without a content coding.');
  if (error.status >= 400 && error.status < 500) return malformed('The request cannot be read.');
  return unexpected();
}

export function createApp({ catalogue, repository, log, state = { stopping: false } }) {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');

  app.use((request, response, next) => {
    const started = performance.now();
    response.locals.traceId = traceIdOf(request.get('traceparent'));
    response.set('X-Trace-Id', response.locals.traceId);
    if (state.stopping) response.set('Connection', 'close');
    response.on('finish', () => {
      log.info('request', {
        trace_id: response.locals.traceId,
        method: request.method,
        path: request.path.slice(0, 200),
        status: response.statusCode,
        ms: Math.round((performance.now() - started) * 10) / 10,
      });
    });
    next();
  });

  mount(app, '/books', {
    get: async (request, response) => sendJson(response, await catalogue.list()),
    post: async (request, response) => {
      const book = await catalogue.add(validBook(bodyOf(request)));
      response.status(201).location(`/books/${book.id}`).json(book);
    },
  });

  mount(app, '/books/:id', {
    get: async (request, response) => response.json(await repository.getBook(bookId(request.params.id))),
  });

  mount(app, '/books/:id/reviews', {
    get: async (request, response) => {
      response.json({ items: await repository.listReviews(bookId(request.params.id)) });
    },
    post: async (request, response) => {
      const id = bookId(request.params.id);
      response.status(201).json(await repository.addReview(id, validReview(bodyOf(request))));
    },
  });

  mount(app, '/openapi.json', { get: (request, response) => sendJson(response, OPENAPI) });

  // Alive: this process answers. A database that is down is no reason to restart it.
  mount(app, '/health', { get: (request, response) => response.json({ status: 'ok' }) });

  // Ready: worth sending requests to.
  mount(app, '/ready', {
    get: async (request, response) => {
      if (state.stopping) throw new Problem(503, 'Service Unavailable', 'This instance is stopping.');
      await repository.ping();
      response.json({ status: 'ready' });
    },
  });

  app.use(() => {
    throw notFound('There is nothing at this path.');
  });

  // Express knows an error handler by its four parameters.
  app.use((error, request, response, next) => {
    if (response.headersSent) return next(error);
    const problem = toProblem(error);
    const { traceId } = response.locals;
    if (problem.status === 500) log.error('unexpected', { trace_id: traceId, ...describe(error) });
    // Nobody reads the rest of a body that was refused.
    if (problem.status === 413) response.set('Connection', 'close');
    response.status(problem.status).set(problem.headers).type(PROBLEM_TYPE);
    return response.send(JSON.stringify(problem.body(traceId)));
  });

  return app;
}
