/** Points in time as this API writes them: RFC 3339 in UTC, to the microsecond. */

/** SQL that writes a timestamptz column so. */
export const moment = (column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

export const now = () => new Date().toISOString().replace('Z', '000Z');
