/**
 * Two databases that differ only in what masks hide, each behind a gate of its own: whatever a client that sees masks can
 * observe must be the same on both, message by message.
 */
import type { BackendMessage } from '../../src/wire/postgres/index.ts';
import { query } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { createTranscriber } from '../support/transcript.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';
import { LABELS, MASKS, MORE_SCHEMA, moreRowsOf, rowsOf, SCHEMA } from './twin-schema.ts';

/** Sent in one go; then as many ReadyForQuery are awaited as the frames ask for. */
export type Part = string | readonly Buffer[];

export interface Twin {
  readonly database: TestDatabase;
  readonly gate: Gate;
  /** The database itself, with the gate's account. */
  raw(settings?: Settings): Promise<WireClient>;
  /** The gate, as somebody who sees masks. */
  masked(settings?: Settings): Promise<WireClient>;
}

export type Settings = Readonly<Record<string, string>>;

export interface TwinGates {
  readonly a: Twin;
  readonly b: Twin;
  stop(): Promise<void>;
}

export interface TwinOptions {
  /** By default staging: bob, of support, may write and define there, and sees masks. */
  readonly environment?: string;
}

/** Starts both. The databases are copies of one, so that even the OIDs are the same. */
export async function startTwins({ environment = 'staging' }: TwinOptions = {}): Promise<TwinGates> {
  const origin = await createDatabase('twin');
  await origin.query(SCHEMA);
  await origin.query(MORE_SCHEMA);
  const start = async (variant: 'a' | 'b'): Promise<Twin> => {
    const filled = await createDatabase('twin', undefined, origin.name);
    for (const text of [rowsOf(variant), ...moreRowsOf(variant).split(/;\s*\n/)]) {
      if (text.trim() !== '') await filled.query(text);
    }
    const gate = await startGate({
      environment,
      schema: '',
      template: filled.name,
      labels: LABELS,
      masks: MASKS,
    });
    await filled.drop();
    return twinOf(gate);
  };
  const a = await start('a');
  const b = await start('b');
  return {
    a,
    b,
    stop: async () => {
      await a.gate.stop();
      await b.gate.stop();
      await origin.drop();
    },
  };
}

function twinOf(gate: Gate): Twin {
  return {
    database: gate.database,
    gate,
    raw: (settings) => open(gate.database.connection, settings),
    masked: async (settings) => {
      const { password } = await gate.connection('bob');
      const target = {
        host: '127.0.0.1',
        port: gate.port,
        database: 'shop',
        user: 'bob',
        password: String(password),
      };
      return open(target, { options: '-c sluice.on_hold=fail', ...settings });
    },
  };
}

function open(target: WireTarget, settings: Settings = {}): Promise<WireClient> {
  return WireClient.open(target, new Map(Object.entries(settings)));
}

/** What the client is told in answer to a part. */
export async function play(client: WireClient, part: Part): Promise<BackendMessage[]> {
  const frames = typeof part === 'string' ? [query(part)] : part;
  client.send(...frames);
  return client.untilReady(endsOf(frames));
}

/** How many ReadyForQuery the frames bring: one for each Query, Sync and FunctionCall. */
function endsOf(frames: readonly Buffer[]): number {
  let ends = 0;
  const bytes = Buffer.concat(frames);
  for (let at = 0; at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    if (bytes[at] === 0x51 || bytes[at] === 0x53 || bytes[at] === 0x46) ends += 1;
  }
  return ends;
}

/** Messages as lines that can be compared between sessions and servers. */
export function linesOf(messages: readonly BackendMessage[]): string[] {
  return messages.map((message) => createTranscriber(CHANCE)(message).replaceAll(CHANCE, '<chance>'));
}

/** What each run makes up anew: ids of approval requests, names of databases, numbers of temporary schemas and files. */
const CHANCE =
  /\bapr_\w{10}\b|\b20\d\d-\d\d-\d\dT[\d:.]+Z|\b(?:gate|twin)_[0-9a-f]{10}\b|\bpg_(?:toast_)?temp_\d+\b|\bpgsql_tmp\d+\.\d+/g;

/** The error that ends a part, if one does, as `SQLSTATE message`. */
export function errorOf(messages: readonly BackendMessage[]): string | undefined {
  for (const message of messages.toReversed()) {
    if (message.type === 'ErrorResponse') return `${message.fields.get('C')} ${message.fields.get('M')}`;
  }
  return undefined;
}

/** Whether the gate refused, rather than the database. */
export function isRefusal(error: string | undefined): boolean {
  return error !== undefined && (error.startsWith('SL') || / sluice: /.test(error));
}
