/**
 * Someone who visits the gate with a real driver: sends statements and gets back what came, rows or refusal, with the
 * notices that arrived on the way. Prints nothing and judges nothing.
 *
 * Needs the development dependency `pg`, which it loads when first used.
 */
import type pg from 'pg';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ResultTable } from './result-table.ts';

/** How a visitor reaches the gate. */
export interface VisitorConnection {
  readonly port: number;
  readonly user: string;
  /** A token. */
  readonly password: string;
  readonly database: string;
}

/** What the database's protocol tells a client about a failure. */
export interface Refusal {
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** What came back: `refusal` or the rest. Cells are the text the server sent. */
export interface Reply extends ResultTable {
  /** `SELECT 3`, `UPDATE 1`; empty after a refusal. */
  readonly tag: string;
  readonly refusal?: Refusal;
}

/** A notice's message and hint. */
export interface Notice {
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

export interface Visitor {
  readonly name: string;
  /** Never rejects for what the server refuses, only if the connection breaks. */
  ask(statement: string, onNotice?: (notice: Notice) => void): Promise<Reply>;
  leave(): Promise<void>;
}

/** The driver. @throws {SluiceError} upstream_unavailable if it is not installed */
export async function loadDriver(): Promise<typeof pg> {
  try {
    return (await import('pg')).default;
  } catch (cause) {
    throw new SluiceError('upstream_unavailable', 'the package pg is not installed', {
      hint: 'It is a development dependency: run `npm ci` in a checkout of Sluice.',
      cause,
    });
  }
}

/** Connects. @throws what the driver throws if the gate does not let it in */
export async function visit(connection: VisitorConnection): Promise<Visitor> {
  const { Client } = await loadDriver();
  // Text as the server sent it: neither numbers nor dates are converted on the way to the screen.
  const asText = { getTypeParser: () => (text: string) => text };
  const client = new Client({
    ...connection,
    host: '127.0.0.1',
    types: asText as unknown as pg.CustomTypesConfig,
    application_name: 'sluice demo',
  });
  client.on('error', () => undefined);
  await client.connect();
  return {
    name: connection.user,
    ask: (statement, onNotice) => ask(client, statement, onNotice),
    leave: () => client.end(),
  };
}

async function ask(client: pg.Client, text: string, onNotice?: (notice: Notice) => void): Promise<Reply> {
  const listener = (notice: unknown): void => {
    onNotice?.(noticeOf(notice as Record<string, string | undefined>));
  };
  client.on('notice', listener);
  try {
    const result = await client.query<(string | null)[]>({ text, rowMode: 'array' });
    const tag = result.rowCount === null ? result.command : `${result.command} ${result.rowCount}`;
    return { columns: result.fields.map((field) => field.name), rows: result.rows, tag };
  } catch (error) {
    return { columns: [], rows: [], tag: '', refusal: refusalOf(error) };
  } finally {
    client.off('notice', listener);
  }
}

function noticeOf(fields: Record<string, string | undefined>): Notice {
  return { message: fields.message ?? '', ...optional(fields) };
}

function refusalOf(error: unknown): Refusal {
  const fields = error as Record<string, string | undefined>;
  if (fields.code === undefined || fields.severity === undefined) throw error;
  return {
    severity: fields.severity,
    sqlstate: fields.code,
    message: fields.message ?? '',
    ...optional(fields),
  };
}

function optional({ detail, hint }: Record<string, string | undefined>): { detail?: string; hint?: string } {
  return { ...(detail ? { detail } : {}), ...(hint ? { hint } : {}) };
}
