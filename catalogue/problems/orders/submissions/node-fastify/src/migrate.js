/** Brings the database to the newest schema: each file of migrations/ once, in the order of names. */

import { readFileSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { describe } from './log.js';

const FOLDER = new URL('../migrations/', import.meta.url);
const LOCK = 4_207_001; // any number, the same in every instance that migrates

const LEDGER = `
  CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text        PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`;

async function apply(client, name) {
  await client.query('BEGIN');
  try {
    await client.query(readFileSync(new URL(name, FOLDER), 'utf8'));
    await client.query('INSERT INTO schema_migrations (name) VALUES ($1)', [name]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** The names of the migrations that were applied now. */
export async function migrate(url) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, lock_timeout: 10_000 });
  await client.connect();
  try {
    // Two releases at the same moment: the second waits and then finds nothing to do.
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const exists = await client.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS yes");
    if (!exists.rows[0].yes) await client.query(LEDGER);
    const done = new Set((await client.query('SELECT name FROM schema_migrations')).rows.map((row) => row.name));
    const names = readdirSync(FOLDER).filter((name) => name.endsWith('.sql')).sort();
    const missing = names.filter((name) => !done.has(name));
    for (const name of missing) await apply(client, name);
    return missing;
  } finally {
    await client.end();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const say = (level, fields) => process.stdout.write(`${JSON.stringify({ level, ...fields })}\n`);
  try {
    if (!process.env.DATABASE_URL) throw new Error('DATABASE_URL must be set.');
    say('info', { applied: await migrate(process.env.DATABASE_URL) });
  } catch (error) {
    say('error', describe(error));
    process.exitCode = 1;
  }
}
