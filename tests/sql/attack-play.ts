/** Plays attacks, on a database itself or through the gate, and says what was told. */
import type { BackendMessage } from '../../src/wire/postgres/index.ts';
import type { WireClient } from '../support/wire-client.ts';
import { errorOf, isRefusal, linesOf, type Part, play, type Settings, type Twin } from './twin-gates.ts';

export interface AttackPlan {
  readonly parts: readonly Part[];
  /** Parameters of the connection. */
  readonly settings?: Settings;
  /** Not within a transaction that is rolled back, and on a connection of its own; what `cleanup` undoes afterwards. */
  readonly cleanup?: string;
}
/** One text, or several sent one after the other; by default in a transaction that is rolled back. */
export type Attack = string | readonly Part[] | AttackPlan;

export function planOf(attack: Attack): AttackPlan {
  if (typeof attack === 'string') return { parts: [attack] };
  return 'parts' in attack ? attack : { parts: attack };
}

/** A name for people. */
export function nameOf(attack: Attack): string {
  const { parts } = planOf(attack);
  return parts
    .map((part) => (typeof part === 'string' ? part : printable(Buffer.concat([...part]))))
    .join(' ⏵ ')
    .replace(/\s+/g, ' ');
}

function printable(bytes: Buffer): string {
  return `[${bytes
    .toString('latin1')
    .replace(/[^ -~]+/g, ' ')
    .trim()}]`;
}

export interface Told {
  /** Everything that the client was sent. */
  readonly lines: readonly string[];
  /** Errors of the gate, of those of the database. */
  readonly refusals: readonly string[];
}

type Way = 'raw' | 'masked';

/** One side of an attack: a twin, reached in one way. Keeps its connection while nothing is left on it. */
export class Stage {
  readonly #twin: Twin;
  readonly #way: Way;
  #client: WireClient | undefined;

  constructor(twin: Twin, way: Way) {
    this.#twin = twin;
    this.#way = way;
  }

  async play(attack: Attack): Promise<Told> {
    const plan = planOf(attack);
    return plan.cleanup === undefined && plan.settings === undefined ? this.#visit(plan) : this.#alone(plan);
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #visit({ parts }: AttackPlan): Promise<Told> {
    const client = this.#client?.closed === false ? this.#client : await this.#twin[this.#way]();
    this.#client = client;
    const told: BackendMessage[][] = [];
    try {
      await play(client, 'BEGIN');
      for (const part of parts) {
        if (parts.length > 1) await play(client, 'SAVEPOINT step');
        const messages = await play(client, part);
        told.push(messages);
        if (parts.length > 1 && errorOf(messages) !== undefined) await play(client, 'ROLLBACK TO step');
      }
      await play(client, 'ROLLBACK');
      if (leavesMuch(parts)) await play(client, 'DISCARD ALL');
    } catch (error) {
      this.close();
      return summary(told, error);
    }
    return summary(told);
  }

  async #alone({ parts, settings, cleanup }: AttackPlan): Promise<Told> {
    const told: BackendMessage[][] = [];
    let client: WireClient | undefined;
    try {
      client = await this.#twin[this.#way](settings);
      for (const part of parts) told.push(await play(client, part));
      return summary(told);
    } catch (error) {
      return summary(told, error);
    } finally {
      client?.close();
      if (cleanup) await this.#twin.database.query(cleanup);
    }
  }
}

/** Whether something could outlive the transaction. */
function leavesMuch(parts: readonly Part[]): boolean {
  const [first] = parts;
  return parts.length > 1 || typeof first !== 'string' || !/^(SELECT|TABLE|VALUES|EXPLAIN)\b/.test(first);
}

function summary(told: readonly (readonly BackendMessage[])[], error?: unknown): Told {
  const lines = told.flatMap((messages) => linesOf(messages));
  const refusals = told.map(errorOf).filter((text) => isRefusal(text)) as string[];
  if (error !== undefined) lines.push(`the connection: ${error}`);
  if (error !== undefined && isRefusal(String((error as Error).message))) refusals.push(String(error));
  return { lines, refusals };
}
