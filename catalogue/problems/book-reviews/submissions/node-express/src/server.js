/** The program: builds the parts, listens, and stops without dropping a request. */

import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createApp } from './app.js';
import { Cache } from './cache.js';
import { Catalogue } from './catalogue.js';
import { Database } from './database.js';
import { Entries } from './entries.js';
import { createLog, describe } from './log.js';
import { PROBLEM_TYPE, Problem, malformed } from './problems.js';
import { Repository } from './repository.js';
import { RevisionListener, Revisions } from './revisions.js';
import { readSettings } from './settings.js';
import { traceIdOf } from './trace.js';

const LINGER_MS = 250; // clients that are about to reuse a connection still get their answer
const STOP_MS = 8000; // what is not finished by then is cut off
const FIRST_CONTACT_MS = 1000;

const log = createLog();

/** What is not even HTTP is answered in the shape of all other errors. */
function answerGarbage(error, socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy();
  const problem = error.code === 'HPE_HEADER_OVERFLOW'
    ? new Problem(431, 'Request Header Fields Too Large', 'The headers are too large.')
    : malformed('This is not a request that can be read.');
  const body = JSON.stringify(problem.body(traceIdOf()));
  return socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\nContent-Type: ${PROBLEM_TYPE}\r\n`
    + `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

async function stop(server, state) {
  state.stopping = true;
  await pause(LINGER_MS);
  const closed = new Promise((resolve) => {
    server.close(resolve);
  });
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), STOP_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

async function main() {
  const settings = readSettings();
  const state = { stopping: false };
  const database = new Database(settings.databaseUrl, log);
  const cache = new Cache(settings.redisUrl, log);
  const revisions = new Revisions();
  const listener = new RevisionListener(settings.databaseUrl, revisions, log);
  const repository = new Repository(database);
  const catalogue = new Catalogue({ repository, entries: new Entries(cache), revisions });

  // Both may be away at this moment; the service starts all the same and finds them later.
  await Promise.race([Promise.all([cache.open(), listener.start()]), pause(FIRST_CONTACT_MS)]);

  const server = createServer(
    { keepAliveTimeout: 75_000, headersTimeout: 10_000, requestTimeout: 30_000 },
    createApp({ catalogue, repository, log, state }),
  );
  server.on('clientError', answerGarbage);
  server.listen(settings.port, '0.0.0.0', () => log.info('listening', { port: server.address().port }));

  const onSignal = async (signal) => {
    if (state.stopping) return;
    log.info('stopping', { signal });
    await stop(server, state);
    cache.close();
    await Promise.race([Promise.allSettled([listener.close(), database.close()]), pause(1000)]);
    log.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

main().catch((error) => {
  log.error('cannot start', describe(error));
  process.exitCode = 1;
});
