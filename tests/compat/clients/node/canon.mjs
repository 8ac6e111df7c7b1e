/**
 * How the Node.js clients write their transcripts: one line a fact, the same for the same facts, in sections. A value is written
 * with its type, so that a number that arrives as text is seen. Nothing depends on the server's address or on object ids.
 */
const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE } = process.env;

export const section = (name) => console.log(`## ${name}`);
export const show = (label, ...values) => console.log(`${label}: ${values.map(canon).join(' | ')}`);

export function canon(value) {
  if (value === null || value === undefined) return 'NULL';
  if (Buffer.isBuffer(value) || value instanceof Uint8Array)
    return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof Date) return `Date ${value.toISOString()}`;
  if (Array.isArray(value)) return `[${value.map(canon).join(', ')}]`;
  if (typeof value === 'object' && typeof value.toFixed === 'function') return `Decimal ${value}`;
  if (typeof value === 'object') {
    const entries = Object.keys(value)
      .sort()
      .map((key) => `${key}: ${canon(value[key])}`);
    return `{${entries.join(', ')}}`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : `${typeof value} ${value}`;
}

/** How `pg` connects. */
export const config = {
  host: PGHOST,
  port: Number(PGPORT),
  user: PGUSER,
  password: PGPASSWORD,
  database: PGDATABASE,
  ssl: PGSSLMODE === 'require' ? { rejectUnauthorized: false } : false,
};

/** The same as a URL, for tools that take nothing else. `no-verify` is node-postgres's word for libpq's `require`. */
export const url =
  `postgres://${encodeURIComponent(PGUSER)}:${encodeURIComponent(PGPASSWORD)}@${PGHOST}:${PGPORT}/${PGDATABASE}` +
  `?sslmode=${PGSSLMODE === 'require' ? 'no-verify' : 'disable'}`;

/** Runs what the first argument asks for, and ends with 1 if it fails. */
export async function main(work, reflect) {
  const chosen = { work, reflect }[process.argv[2]];
  if (chosen === undefined) {
    console.error('usage: work|reflect');
    process.exit(2);
  }
  await chosen();
}

/** What an error of the database says. */
export const told = (error) =>
  Object.fromEntries(
    [
      ...[
        'severity',
        'code',
        'detail',
        'hint',
        'position',
        'where',
        'schema',
        'table',
        'column',
        'dataType',
        'constraint',
      ],
      ...['file', 'routine'],
    ]
      .filter((name) => error[name] !== undefined && error[name] !== null)
      .map((name) => [name, error[name]])
      .concat([['message', error.message]]),
  );

/** What goes wrong in `act`; undefined if nothing does. */
export async function failure(act) {
  try {
    await act();
    return undefined;
  } catch (error) {
    return error;
  }
}
