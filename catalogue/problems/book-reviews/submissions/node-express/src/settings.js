/** The only place that reads the environment. */

const REQUIRED = ['DATABASE_URL', 'REDIS_URL'];

export function readSettings(env = process.env) {
  const missing = REQUIRED.filter((name) => !env[name]);
  if (missing.length > 0) {
    throw new Error(`These environment variables must be set: ${missing.join(', ')}.`);
  }
  const port = Number(env.PORT ?? 3000);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error('PORT must be a number from 0 to 65535.');
  }
  return { port, databaseUrl: env.DATABASE_URL, redisUrl: env.REDIS_URL };
}
