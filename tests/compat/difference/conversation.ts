/**
 * Conversations: what to send, message by message, and what to wait for. Played once with the database and once with the gate, and
 * compared by their transcripts.
 */
import type { BackendMessage } from '../../../src/wire/postgres/index.ts';
import {
  bind,
  describePortal,
  describeStatement,
  execute,
  parse,
  query,
  sync,
} from '../../support/frames.ts';
import { createTranscriber } from '../../support/transcript.ts';
import { WireClient, type WireTarget } from '../../support/wire-client.ts';

/** One step: what to send, and what to wait for before the next. */
export interface Step {
  readonly send: readonly Buffer[];
  /** How many ReadyForQuery, or up to which message. */
  readonly until: number | BackendMessage['type'];
  /** SQL that others run, directly on the database, once the step is sent. */
  readonly meanwhile?: string;
}

/** Sends messages and waits for one ReadyForQuery. */
export const ask = (...send: Buffer[]): Step => ({ send, until: 1 });

/** In which messages a statement is sent. */
export type Form = 'simple' | 'extended, text' | 'extended, binary';
export const FORMS: readonly Form[] = ['simple', 'extended, text', 'extended, binary'];

/** A statement without parameters in one of the forms. */
export function inForm(form: Form, text: string): Step {
  if (form === 'simple') return ask(query(text));
  const formats = form === 'extended, binary' ? [1] : [];
  return ask(parse(text), describeStatement(), bind([], '', '', formats), describePortal(), execute(), sync);
}

/** How long something took the server (pg_rusage.c). */
const DURATIONS = /\bCPU: user: [\d.]+ s, system: [\d.]+ s, elapsed: [\d.]+ s/g;

/**
 * Plays a conversation on a connection of its own.
 * @returns what came of each step; the last says so if the connection was cut or nothing came
 */
export async function play(
  target: WireTarget,
  steps: readonly Step[],
  others: (sql: string) => Promise<unknown>,
): Promise<string[][]> {
  const client = await WireClient.open(target);
  const transcribe = createTranscriber(DURATIONS);
  const seen: string[][] = [];
  try {
    for (const { send, until, meanwhile } of steps) {
      client.send(...send);
      if (meanwhile !== undefined) await others(meanwhile);
      const messages = typeof until === 'number' ? await client.untilReady(until) : await client.until(until);
      seen.push(messages.map(transcribe));
    }
  } catch (thrown) {
    seen.push([String(thrown)]);
  } finally {
    client.close();
  }
  return seen;
}
