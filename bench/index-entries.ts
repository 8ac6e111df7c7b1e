/** Entries of a company's day, made up fast and always the same: what the index is measured with. */
import type { RawEntry } from '../src/ledger/entry-decoder.ts';
import { EntryEncoder } from '../src/ledger/entry-encoder.ts';
import type { LogPiece } from '../src/ledger/log-follower.ts';
import type { Action } from '../src/model/facts.ts';
import type { AskedEvent, LedgerEvent, StatementForm } from '../src/model/ledger-entry.ts';

const TABLES = 60;
const COLUMNS = [
  'id',
  'name',
  'email',
  'balance',
  'plan',
  'status',
  'created_at',
  'updated_at',
  'amount',
  'city',
];
const LABELS = ['email', 'card_number', 'salary', 'phone'];
const SHAPES = 3000;
const PRINCIPALS = 200;
const SESSION_STATEMENTS = 50;
/** Entries a second of the made-up time. */
const PER_SECOND = 100;

/** A number from 0 to below 1 that depends on `index` only. */
function random(index: number): number {
  let x = (index + 1) * 0x9e37_79b1;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

function formAt(index: number): StatementForm {
  const table = `public.table_${Math.floor(random(index) ** 2 * TABLES)}`;
  const columns = COLUMNS.filter((_, at) => random(index * 31 + at) < 0.4);
  const column = COLUMNS[index % COLUMNS.length] as string;
  const isWrite = random(index + 7) < 0.15;
  const action: Action = isWrite ? 'Update' : 'Read';
  const label = LABELS[index % LABELS.length] as string;
  const refused = random(index + 3) < 0.02;
  return {
    text: isWrite
      ? [`UPDATE ${table} SET ${column} = `, ` WHERE id = `, ` /* ${index} */`]
      : [
          `SELECT ${columns.join(', ')} FROM ${table} t${index} WHERE ${column} = `,
          ' ORDER BY id LIMIT ',
          '',
        ],
    command: isWrite ? 'UPDATE' : 'SELECT',
    actions: [action],
    relations: [`${action} ${table}(${(isWrite ? [column] : columns).join(',')})`],
    decision: refused ? 'deny' : 'allow',
    policies: [isWrite ? 'people-write' : 'people-read', `team-${index % 20}`],
    policyVersion: 'v1',
    ...(columns.includes('email') && !isWrite
      ? { masked: [`${table}.email:${label}`], rewritten: true as const }
      : {}),
  };
}

/** Pieces of `entries` entries in all, as a follower would give them. */
export function* madeUpLog(entries: number, pieceSize: number): Generator<LogPiece<RawEntry>, void, void> {
  const encoder = new EntryEncoder(0, undefined);
  const forms = Array.from({ length: SHAPES }, (_, index) => formAt(index));
  const start = Date.UTC(2026, 10, 1);
  let [seq, session, left, statement] = [0, 0, 0, 0];
  let piece: RawEntry[] = [];
  const append = function* (event: LedgerEvent | AskedEvent): Generator<LogPiece<RawEntry>, void, void> {
    for (const { text } of encoder.encode(seq, start + Math.floor((seq * 1000) / PER_SECOND), event)) {
      piece.push({ seq: seq++, bytes: Buffer.from(text), sequenced: true });
    }
    if (piece.length < pieceSize) return;
    yield { entries: piece, next: seq, pruned: 0 };
    piece = [];
  };
  while (seq < entries) {
    if (left-- === 0) {
      [session, left, statement] = [session + 1, SESSION_STATEMENTS, 0];
      yield* append(opened(session));
    }
    const chance = random(seq);
    const form = forms[Math.floor(chance ** 3 * SHAPES)] as StatementForm;
    const name = sessionName(session);
    const literals = [String(seq), '5'];
    yield* append({ kind: 'asked', session: name, statement: ++statement, form, literals });
    if (form.decision === 'allow') yield* append(outcome(name, statement, random(seq + 11)));
  }
  if (piece.length > 0) yield { entries: piece, next: seq, pruned: 0 };
}

const sessionName = (session: number): string => `01KAJ5QXW0${String(session).padStart(16, '0')}`;

function opened(session: number): LedgerEvent {
  const who = Math.floor(random(session) ** 2 * PRINCIPALS);
  const isAgent = who % 3 === 0;
  return {
    kind: 'session-opened',
    session: sessionName(session),
    principal: isAgent ? `agent-${who}` : `person-${who}`,
    principalKind: isAgent ? 'Agent' : 'Human',
    onBehalfOf: isAgent ? [`person-${who + 1}`] : [],
    purpose: `TICKET-${Math.floor(random(session + 5) * 5000)} look into it`,
    token: `tok_${who}`,
    database: ['shop', 'billing', 'crm', 'logs'][session % 4] as string,
    environment: session % 4 === 3 ? 'staging' : 'prod',
    client: `10.0.${who % 8}.${who}:${30_000 + (session % 1000)}`,
    application: session % 3 === 0 ? 'psql' : 'api',
    tls: true,
  };
}

function outcome(session: string, statement: number, chance: number): LedgerEvent {
  const rows = Math.floor(chance ** 8 * 100_000);
  const failed = chance > 0.5 && chance < 0.503;
  return {
    ...{
      kind: 'outcome',
      session,
      statement,
      rows,
      bytes: rows * 80,
      durationUs: Math.floor(200 + chance ** 6 * 2e6),
    },
    ...(failed ? { sqlstate: chance < 0.501 ? '23505' : '42P01' } : { tag: `SELECT ${rows}` }),
  };
}
