/** Messages of a database as lines to compare: everything they say, but for what differs from one connection to the next. */
import { type BackendMessage, ErrorFields } from '../../src/wire/postgres/index.ts';

/** Where in its source the server raised an error: of what the gate refuses in its place, another check next to it. */
const SOURCE_FIELDS = new Set(['F', 'L', 'R']);
/** Syntax errors, unknown statements and portals, which the gate finds first (docs/transparency.md). */
const FOUND_BY_GATE = new Set(['42601', '26000', '34000']);

export function transcribe(message: BackendMessage): string {
  const fields = Object.entries(message).map(([name, value]) => {
    // That of the backend, which is another one for each connection.
    if (message.type === 'NotificationResponse' && name === 'processId') return [name, 'some'];
    if (value instanceof ErrorFields) return [name, linesOf(value)];
    return [name, value];
  });
  const line = JSON.stringify(Object.fromEntries(fields), (_, value) =>
    value !== null && typeof value === 'object' && value.type === 'Buffer'
      ? Buffer.from(value.data).toString('latin1').slice(0, 200)
      : value,
  );
  // So are the OIDs of relations made on the way.
  return line.replace(/"tableOid":\d{5,}/g, '"tableOid":"some"');
}

function linesOf(fields: ErrorFields): string[] {
  const found = FOUND_BY_GATE.has(fields.get('C') ?? '');
  return fields.entries
    .filter(({ code }) => !found || !SOURCE_FIELDS.has(code))
    .map(({ code, value }) => `${code}=${value}`);
}
