/**
 * What an exporter must find again after a restart: how far each export has come, and the sessions that entries still to come belong to.
 * A file of its own: losing it means that entries are handed on again, and nothing else.
 */
import { chmodSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { LRUCache } from 'lru-cache';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import type { SessionContext } from './sinks/sink.ts';

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS places (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, closed INTEGER, context TEXT NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS sessions_closed ON sessions (closed) WHERE closed IS NOT NULL;
`;
const MAX_KNOWN = 20_000;
const FORGET_EVERY_MS = 60_000;

export class ExportState {
  readonly #database: DatabaseSync;
  readonly #known = new LRUCache<string, SessionContext>({ max: MAX_KNOWN });
  /** Not yet in the file. */
  readonly #opened = new Map<string, SessionContext>();
  readonly #closed = new Map<string, number>();
  readonly #statements: Record<'place' | 'keep' | 'session' | 'open' | 'close' | 'forget', StatementSync>;
  #forgotAt = Number.NEGATIVE_INFINITY;

  /** @throws {SluiceError} store_unavailable */
  constructor(file: string) {
    try {
      this.#database = new DatabaseSync(file, { timeout: 5000 });
      chmodSync(file, 0o600);
      this.#database.exec(SCHEMA);
    } catch (cause) {
      throw new SluiceError('store_unavailable', `cannot open ${file}`, { cause });
    }
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#statements = {
      place: prepare('SELECT next FROM places WHERE name = ?'),
      keep: prepare('INSERT INTO places VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next = excluded.next'),
      session: prepare('SELECT context FROM sessions WHERE id = ?'),
      open: prepare('INSERT OR IGNORE INTO sessions (id, context) VALUES (?, ?)'),
      close: prepare('UPDATE sessions SET closed = ? WHERE id = ?'),
      forget: prepare('DELETE FROM sessions WHERE closed < (SELECT min(next) FROM places)'),
    };
  }

  /** The next entry of an export; undefined for a new one. */
  placeOf(name: string): number | undefined {
    return (this.#statements.place.get(name) as { next: number } | undefined)?.next;
  }

  /** Keeps how far an export has come, on stable storage. Throws what SQLite throws. */
  keep(name: string, next: number): void {
    this.#database.exec('BEGIN');
    try {
      for (const [id, context] of this.#opened) this.#statements.open.run(id, JSON.stringify(context));
      for (const [id, seq] of this.#closed) this.#statements.close.run(seq, id);
      this.#statements.keep.run(name, next);
      if (performance.now() - this.#forgotAt > FORGET_EVERY_MS) {
        this.#statements.forget.run();
        this.#forgotAt = performance.now();
      }
      this.#database.exec('COMMIT');
    } catch (cause) {
      this.#database.exec('ROLLBACK');
      throw cause;
    }
    this.#opened.clear();
    this.#closed.clear();
  }

  /** Drops the places of exports that there are no more: what they keep would be kept for good. */
  keepOnly(names: readonly string[]): void {
    this.#database
      .prepare(`DELETE FROM places WHERE name NOT IN (${names.map(() => '?').join()})`)
      .run(...names);
  }

  /** Learns from an entry which sessions there are. */
  observe({ seq, event }: LedgerEntry): void {
    if (event.kind === 'session-opened') {
      const { principal, principalKind, onBehalfOf, purpose, database, environment, client, application } =
        event;
      const context: SessionContext = {
        ...{ principal, principalKind, onBehalfOf, database, environment, client, application },
        ...(purpose === undefined ? {} : { purpose }),
      };
      this.#known.set(event.session, context);
      this.#opened.set(event.session, context);
    } else if (event.kind === 'session-closed') {
      this.#closed.set(event.session, seq);
    }
  }

  session(id: string): SessionContext | undefined {
    const known = this.#known.get(id) ?? this.#opened.get(id);
    if (known !== undefined) return known;
    const row = this.#statements.session.get(id) as { context: string } | undefined;
    if (row === undefined) return undefined;
    const context = JSON.parse(row.context) as SessionContext;
    this.#known.set(id, context);
    return context;
  }

  close(): void {
    this.#database.close();
  }
}
