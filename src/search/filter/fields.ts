/** The fields of a filter: how they are called, what they take. The table in docs/search.md is generated from this one. */
import type { NumberField, TermField } from './filter.ts';

export type FieldKind =
  | { readonly type: 'term'; readonly field: TermField; readonly values?: readonly string[] }
  | { readonly type: 'number'; readonly field: NumberField; readonly unit?: 'bytes' | 'duration' }
  | { readonly type: 'time'; readonly edge: 'since' | 'until' | 'on' }
  | { readonly type: 'client' }
  | { readonly type: 'words'; readonly field: 'word' | 'purpose' };

export interface FieldRow {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly kind: FieldKind;
  /** One sentence for the documentation. */
  readonly meaning: string;
  readonly example: string;
}

const term = (
  field: TermField,
  meaning: string,
  example: string,
  more: {
    readonly aliases?: readonly string[];
    readonly values?: readonly string[];
    readonly name?: string;
  } = {},
): FieldRow => ({
  name: more.name ?? field,
  ...(more.aliases === undefined ? {} : { aliases: more.aliases }),
  kind: { type: 'term', field, ...(more.values === undefined ? {} : { values: more.values }) },
  meaning,
  example,
});

/** Values of `is:`. */
export const STATES = {
  write: 'changes rows, objects or privileges',
  read: 'reads and changes nothing',
  ddl: 'creates, alters, drops, or changes privileges',
  unbounded: 'an UPDATE or DELETE without a predicate',
  masked: 'was answered on masked values',
  rewritten: 'masks were pushed down into the text',
  opaque: 'held something that could not be understood',
  lookup: 'looked values up in a hidden column',
  delegated: 'somebody acted on behalf of somebody else',
  human: 'done by a human',
  agent: 'done by an agent',
  service: 'done by a service',
  sealed: 'its values are encrypted',
} as const;

export const OUTCOMES = ['ok', 'error', 'missing'] as const;

export const FIELDS: readonly FieldRow[] = [
  term('principal', 'Who acted.', 'principal:report-bot', { aliases: ['user'] }),
  term('agent', 'The same, if it is an agent.', 'agent:report-*'),
  term('for', 'On whose behalf, anywhere in the chain.', 'for:bob', { aliases: ['behalf'] }),
  term('who', 'Either of them: who acted or on whose behalf.', 'who:bob'),
  term('chain', 'The whole chain, as it is shown.', 'chain:"report-bot for bob"'),
  term('database', 'The database.', 'database:shop', { aliases: ['db'] }),
  term('environment', 'Its environment.', 'environment:prod', { aliases: ['env'] }),
  term('relation', 'A relation that is read or written, with or without its schema.', 'relation:orders', {
    aliases: ['table'],
  }),
  term(
    'column',
    'A column that is read or written: `column`, `table.column` or `schema.table.column`.',
    'column:customers.balance',
  ),
  term('reads', 'A relation or column that is read.', 'reads:customers.email'),
  term('writes', 'A relation or column that is written.', 'writes:customers.balance'),
  term('function', 'A function that is called.', 'function:pg_sleep'),
  term('label', 'A label of what is read, masked or not.', 'label:card_number'),
  term('masked', 'A label or column that was masked.', 'masked:email'),
  term('unmasked', 'A label that was read as it is.', 'unmasked:email'),
  term('command', 'The command.', 'command:update'),
  term('action', 'What is done, as policies call it.', 'action:Drop'),
  term('decision', 'What was decided.', 'decision:deny', { values: ['allow', 'hold', 'deny'] }),
  term('policy', 'A policy that decided.', 'policy:agents-read-masked'),
  term('version', 'The version of the policies.', 'version:3f2a*'),
  term('approval', 'The approval request.', 'approval:apr_k3v9x2m4q7', { aliases: ['request'] }),
  term('sqlstate', 'How the database, or the gate, refused it.', 'sqlstate:23*', { aliases: ['error'] }),
  term(
    'outcome',
    '`ok`, `error`, or `missing`: it may have run, but nothing says how it ended.',
    'outcome:missing',
    {
      values: OUTCOMES,
    },
  ),
  {
    name: 'purpose',
    kind: { type: 'words', field: 'purpose' },
    meaning: 'Words of the purpose.',
    example: 'purpose:OPS-123',
  },
  {
    name: 'client',
    aliases: ['ip'],
    kind: { type: 'client' },
    meaning: 'The client\u2019s address or network.',
    example: 'client:10.0.0.0/8',
  },
  term('application', 'What the client calls itself.', 'application:psql', { aliases: ['app'] }),
  term('session', 'The session.', 'session:01KAJ5QXW0M2J8S3E4T5V6W7X8'),
  term('token', 'The id of the token.', 'token:tok_7f3k'),
  term(
    'form',
    'The shape of a statement: equal for those that differ in their values only.',
    'form:S6EETYmB*',
    {
      aliases: ['shape', 'fingerprint'],
    },
  ),
  term('kind', 'The kind of entry.', 'kind:approval'),
  term('is', 'What it is: see below.', 'is:unbounded', { values: Object.keys(STATES) }),
  {
    name: 'rows',
    kind: { type: 'number', field: 'rows' },
    meaning: 'Rows returned or changed.',
    example: 'rows:>10k',
  },
  {
    name: 'bytes',
    kind: { type: 'number', field: 'bytes', unit: 'bytes' },
    meaning: 'Bytes sent to the client.',
    example: 'bytes:>=1MiB',
  },
  {
    ...{ name: 'duration', aliases: ['took'], kind: { type: 'number', field: 'us', unit: 'duration' } },
    ...{ meaning: 'How long the database took.', example: 'duration:>2s' },
  },
  {
    name: 'seq',
    kind: { type: 'number', field: 'seq' },
    meaning: 'The place in the ledger.',
    example: 'seq:1000..2000',
  },
  {
    name: 'statement',
    kind: { type: 'number', field: 'statement' },
    meaning: 'The number within the session.',
    example: 'statement:7',
  },
  {
    name: 'since',
    aliases: ['from'],
    kind: { type: 'time', edge: 'since' },
    meaning: 'At that time or later.',
    example: 'since:02:00',
  },
  {
    name: 'until',
    aliases: ['to', 'before'],
    kind: { type: 'time', edge: 'until' },
    meaning: 'Before that time; a day counts whole.',
    example: 'until:2026-11-27',
  },
  { name: 'on', kind: { type: 'time', edge: 'on' }, meaning: 'On that day.', example: 'on:yesterday' },
  {
    name: 'text',
    kind: { type: 'words', field: 'word' },
    meaning: 'Words that follow each other; the same as without a field.',
    example: 'text:"order by"',
  },
];

const BY_NAME = new Map(
  FIELDS.flatMap((row) => [row.name, ...(row.aliases ?? [])].map((name) => [name, row] as const)),
);

export function fieldOf(name: string): FieldRow | undefined {
  return BY_NAME.get(name.toLowerCase());
}

export const FIELD_NAMES: readonly string[] = [...BY_NAME.keys()];
