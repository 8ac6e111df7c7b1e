/**
 * Everything in which an answer through the gate may differ from the database's own: all of it, and nothing else. The comparison of
 * `tests/compat/difference` and of the random conversations applies `hides` and compares the rest field by field; the table of
 * docs/transparency.md is generated from here (`npm run docs`).
 *
 * Whoever adds an entry weakens the promise of transparency: it needs a reason that holds, and the entry must hide nothing more than
 * it names.
 */
import { type BackendMessage, ErrorFields } from '../../../src/wire/postgres/index.ts';

export interface AllowedDifference {
  readonly what: string;
  /** How it differs. */
  readonly how: string;
  readonly why: string;
  /**
   * What the comparison does not look at, if the difference shows in a session from which nothing is hidden; absent where it cannot,
   * or where no case may meet it.
   */
  readonly hides?: (name: string, value: unknown, message: BackendMessage) => unknown;
}

/** Where in its source the server raised an error. */
const SOURCE_FIELDS = new Set(['F', 'L', 'R']);
const SOURCE_LINE = new Set(['L']);

export const ALLOWED_DIFFERENCES: readonly AllowedDifference[] = [
  {
    what: 'BackendKeyData',
    how: 'the key is the gate’s own (4 bytes in protocol 3.0, 32 in 3.2); the process id is the backend’s',
    why: 'a key of the database would let clients cancel past the gate',
    // Another one for each connection, with or without a gate.
    hides: (name, value, { type }) =>
      type === 'NotificationResponse' && name === 'processId' ? 'some' : value,
  },
  {
    what: 'user name',
    how: '`current_user` is the database’s account of the gate, not the principal',
    why: 'the credential is the gate’s; who acted stands in the ledger',
  },
  {
    what: 'database name',
    how: 'the name in `sluice.yaml` may differ from the server’s',
    why: 'several gates, one server',
  },
  {
    what: 'protocol version',
    how: '3.2 is spoken with clients that ask for it, whatever the server speaks',
    why: 'the gate is a server of its own',
  },
  {
    what: 'authentication',
    how: 'SCRAM-SHA-256(-PLUS) with a token, a client certificate, or both, as the configuration has it',
    why: 'see [decision 4](decisions/0004-scram-with-tokens.md)',
  },
  {
    what: 'a connection that breaks',
    how: 'is told by a last error: 08006 if nothing was committed, 08007 if nobody knows, where a server’s end says nothing',
    why: 'trying again is safe after the one and not after the other',
  },
  {
    what: '`backend_start`, login triggers, settings of roles and databases that have just changed',
    how: 'with `warmConnections`, as of a connection made up to a minute before the session',
    why: 'it was made in advance',
  },
  {
    what: 'errors of the gate',
    how: 'message begins with `sluice:`; SQLSTATEs in [errors.md](errors.md)',
    why: 'so that nobody looks for them in the database',
  },
  {
    what: 'texts that do not parse',
    how: 'told by the database itself, which gets the text with an end that never parses; only what is missing at the text’s end is told from the gate’s own parse, with another line of the server’s source',
    why: 'what the gate cannot parse must not run',
    hides: (_name, value) => (value instanceof ErrorFields ? without(SOURCE_LINE, '42601', value) : value),
  },
  {
    what: 'unknown statements and portals',
    how: 'told with the database’s fields, but for file, line and routine of its source, which may be those of a neighbouring check',
    why: 'the message is not forwarded',
    hides: (_name, value) =>
      value instanceof ErrorFields
        ? without(SOURCE_FIELDS, '26000', without(SOURCE_FIELDS, '34000', value))
        : value,
  },
  {
    what: 'bytes that are no characters',
    how: 'told in the database’s words, but for file, line and routine of its source',
    why: 'the text is not forwarded',
    hides: (_name, value) =>
      value instanceof ErrorFields
        ? without(SOURCE_FIELDS, '22021', without(SOURCE_FIELDS, '22P05', value))
        : value,
  },
  {
    what: 'masked columns',
    how: '`RowDescription` has no table for them (table OID and column number 0)',
    why: 'they are expressions',
  },
  {
    what: 'errors and notices of writes to masked tables, or to tables with triggers, for who sees masks',
    how: 'fields that could quote a row are withheld',
    why: '[decision 5](decisions/0005-errors-under-masks.md)',
  },
  {
    what: 'plans',
    how: '`EXPLAIN` shows the masking subquery, flattened',
    why: 'it shows what runs',
  },
  {
    what: 'a statement that is held',
    how: 'takes as long as people take; a NOTICE says so',
    why: 'or an error at once, with `options=-c sluice.on_hold=fail`',
  },
  {
    what: '`pg_stat_activity`, server logs',
    how: 'show the rewritten text, the gate’s address and, after a refusal, `sluice refused this statement`, or a text that does not parse with a `{` behind it',
    why: 'the database sees what runs',
  },
  {
    what: '`pg_stat_statements`',
    how: 'counts the gate’s own questions, too: about the catalog, and about the state of a session',
    why: 'it counts what all connections of a server run',
  },
  {
    what: 'replication connections',
    how: 'refused with 0A000',
    why: 'the stream carries every row as it is stored, past every mask and every record of who read it',
  },
  {
    what: 'FunctionCall messages',
    how: 'decided and recorded as the SELECT that calls the function; malformed ones end the session with 08P01',
    why: 'a call has no text',
  },
  {
    what: 'warnings about escapes in strings (22P06)',
    how: 'missing if the text is rewritten',
    why: 'the strings in it are marked as escape strings',
  },
  {
    what: 'non-ASCII statements and names in a `client_encoding` other than UTF8 and LATIN1',
    how: 'take one more round trip to the database (two more if they are rewritten); refused with 54000 beyond 4 MiB, and with SL006 if the database has default conversions of its own, or if a rewritten text has characters that the encoding lacks',
    why: 'the gate decides only on text that it is certain to read as the database does, so it asks the database',
  },
  {
    what: 'messages of the gate in such an encoding',
    how: 'characters beyond ASCII may be shown as `?`',
    why: 'the gate has no tables of its own for them',
  },
  {
    what: 'databases in an encoding other than UTF8 and SQL_ASCII',
    how: 'names beyond ASCII of more than 15 characters are refused with SL006',
    why: 'such a database may cut a long name elsewhere than the parser does',
  },
  {
    what: 'messages of more than `limits.maxMessageBytes` (64 MiB)',
    how: 'the session ends with 08P01; results have no limit',
    why: 'one message is held in memory until it is decided on',
  },
  {
    what: 'texts of more than 5,000 statements, queries of more than 20,000 columns, names by the hundred thousand',
    how: 'refused with 54000 or 54001',
    why: 'one text must not hold up everybody',
  },
  {
    what: 'after `SET search_path`, `COMMIT`, `EXECUTE` or DDL in the same text, a temporary table that shares its name with another',
    how: 'refused with SL006',
    why: 'which one is meant shows only when it runs',
  },
];

function without(codes: ReadonlySet<string>, sqlstate: string, fields: ErrorFields): ErrorFields {
  if (fields.get('C') !== sqlstate) return fields;
  return new ErrorFields(fields.entries.filter(({ code }) => !codes.has(code)));
}
