/** The only place that reads the environment. */

const REQUIRED = ['DATABASE_URL', 'REDIS_URL', 'SECRET_KEY'];
const SHORTEST_SECRET = 32;

function wholeNumber(env, name, fallback, max) {
  const text = env[name] || String(fallback);
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw new Error(`${name} must be a whole number from 0 to ${max}.`);
  return value;
}

export function readSettings(env = process.env) {
  const missing = REQUIRED.filter((name) => !env[name]);
  if (missing.length > 0) throw new Error(`These environment variables must be set: ${missing.join(', ')}.`);
  if (env.SECRET_KEY.length < SHORTEST_SECRET) {
    throw new Error(`SECRET_KEY must have at least ${SHORTEST_SECRET} characters.`);
  }
  return {
    port: wholeNumber(env, 'PORT', 3000, 65_535),
    databaseUrl: env.DATABASE_URL,
    redisUrl: env.REDIS_URL,
    secret: env.SECRET_KEY,
    perIp: wholeNumber(env, 'RATE_LIMIT_PER_IP', 0, 1_000_000),
    perUser: wholeNumber(env, 'RATE_LIMIT_PER_USER', 0, 1_000_000),
    // Zero would mean no lockout at all.
    lockoutSeconds: wholeNumber(env, 'LOCKOUT_SECONDS', 900, 86_400) || 900,
    accessSeconds: wholeNumber(env, 'ACCESS_TOKEN_SECONDS', 900, 86_400) || 900,
  };
}
