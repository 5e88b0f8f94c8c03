/** What the log may say of an error; the log itself is Fastify's pino, one JSON object per line. */

const CREDENTIALS = /\/\/[^\s/@]*@/g;

/** Kind, code and message. An answer of the database may quote values, so of that only the code. */
export function describe(error) {
  const reason = error?.severity ? undefined : String(error?.message ?? error).replace(CREDENTIALS, '//***@').slice(0, 500);
  const place = /\(?([\w./-]+:\d+):\d+\)?$/m.exec(error?.stack ?? '')?.[1]?.split('/').pop();
  return { error: error?.name ?? 'Error', code: error?.code, reason, place };
}
