/** One JSON object per line on stdout. Connection strings lose their credentials on the way out. */

const CREDENTIALS = /\/\/[^\s/@]*@/g;

const redact = (text) => String(text).replace(CREDENTIALS, '//***@').slice(0, 2000);

/** What may be told about an error: its kind and its message, never the statement or its values. */
export function describe(error) {
  return { error: error?.name ?? 'Error', code: error?.code, reason: redact(error?.message ?? error) };
}

export function createLog(stream = process.stdout) {
  const write = (level) => (message, fields = {}) => {
    stream.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
  };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

/** For tests that are not about logs. */
export const nullLog = { info() {}, warn() {}, error() {} };
