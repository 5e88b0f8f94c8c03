/** The program: listens, and stops without dropping a request. */

import { setTimeout as pause } from 'node:timers/promises';
import pino from 'pino';
import { describe } from './log.js';
import { createService } from './service.js';
import { readSettings } from './settings.js';

const LINGER_MS = 250; // clients that are about to reuse a connection still get their answer
const STOP_MS = 8000; // what is not finished by then is cut off

const log = pino({ base: undefined });

async function stop({ app, state, close }) {
  state.stopping = true;
  await pause(LINGER_MS);
  const cut = setTimeout(() => app.server.closeAllConnections(), STOP_MS);
  const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
  await app.close();
  clearInterval(sweep);
  clearTimeout(cut);
  await Promise.race([close(), pause(1000)]);
}

async function main() {
  const settings = readSettings();
  const service = await createService(settings, log);
  await service.app.listen({ port: settings.port, host: '0.0.0.0' });

  const onSignal = async (signal) => {
    if (service.state.stopping) return;
    log.info({ signal }, 'stopping');
    await stop(service);
    log.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

main().catch((error) => {
  log.error(describe(error), 'cannot start');
  process.exitCode = 1;
});
