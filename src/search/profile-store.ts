/**
 * What each principal usually does, as far as the log was read: when it last did what, and how much within an hour. In one SQLite file with the
 * place in the log, so that a crash repeats nothing. Holds names, times and counts only.
 */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Finding } from './finding.ts';
import { isDamage, removeIndex } from './sqlite-files.ts';

/** Raised when what is kept, or found, changes: then all is learned anew. */
const VERSION = 1;

const SCHEMA = `
  CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE seen (
    principal TEXT NOT NULL, what TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (principal, what)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX seen_by_age ON seen (last);
  CREATE TABLE hours (
    principal TEXT NOT NULL, hour INTEGER NOT NULL, statements INTEGER NOT NULL, rows INTEGER NOT NULL, refused INTEGER NOT NULL,
    shapes INTEGER NOT NULL, PRIMARY KEY (principal, hour)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE findings (id TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, recorded INTEGER NOT NULL, event TEXT NOT NULL) STRICT;
`;

export interface Seen {
  readonly first: number;
  readonly last: number;
}

export interface Counts {
  statements: number;
  rows: number;
  refused: number;
  shapes: number;
}

export interface Place {
  readonly next: number;
  readonly tip: string;
}

export class ProfileStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Opens the file, or makes it; one of another version, of another log or a damaged one is thrown away. */
  static open(path: string, log: string): ProfileStore {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      const found = ProfileStore.#connect(path);
      if (found.#meta('version') === VERSION && found.#meta('log') === log) return found;
      found.close();
    } catch (cause) {
      if (!isDamage(cause)) throw cause;
    }
    removeIndex(path);
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    const made = ProfileStore.#connect(path);
    made.#database.exec(`BEGIN; ${SCHEMA} COMMIT`);
    made.#keep('version', VERSION);
    made.#keep('log', log);
    return made;
  }

  static #connect(path: string): ProfileStore {
    const database = new DatabaseSync(path, { timeout: 5000, allowExtension: false });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF');
    return new ProfileStore(database);
  }

  place(): Place {
    return { next: (this.#meta('next') as number) ?? 0, tip: (this.#meta('tip') as string) ?? '' };
  }

  seen(principal: string, what: string): Seen | undefined {
    return this.#get('SELECT first, last FROM seen WHERE principal = ? AND what = ?', principal, what) as
      | Seen
      | undefined;
  }

  note(principal: string, what: string, { first, last }: Seen): void {
    this.#run('INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)', principal, what, first, last);
  }

  counts(principal: string, hour: number): Counts {
    const found = this.#get(
      'SELECT statements, rows, refused, shapes FROM hours WHERE principal = ? AND hour = ?',
      principal,
      hour,
    );
    return { statements: 0, rows: 0, refused: 0, shapes: 0, ...found } as Counts;
  }

  noteCounts(principal: string, hour: number, { statements, rows, refused, shapes }: Counts): void {
    this.#run(
      'INSERT OR REPLACE INTO hours VALUES (?, ?, ?, ?, ?, ?)',
      principal,
      hour,
      statements,
      rows,
      refused,
      shapes,
    );
  }

  /** From `since` to below `hour`: all statements, and the most within one hour of the rest. */
  most(principal: string, since: number, hour: number): Counts {
    const row = this.#get(
      `SELECT ifnull(sum(statements), 0) AS statements, ifnull(max(rows), 0) AS rows, ifnull(max(refused), 0) AS refused,
         ifnull(max(shapes), 0) AS shapes
       FROM hours WHERE principal = ? AND hour >= ? AND hour < ?`,
      ...[principal, since, hour],
    );
    return row as unknown as Counts;
  }

  /** Keeps a finding that may have been recorded; one that is there is left as it is. */
  keepFinding(event: Finding, at: number): void {
    this.#run('INSERT OR IGNORE INTO findings VALUES (?, ?, 0, ?)', event.finding, at, JSON.stringify(event));
  }

  /** The ledger has it. */
  recorded(event: Finding, at: number): void {
    this.#run(
      'INSERT OR REPLACE INTO findings VALUES (?, ?, 1, ?)',
      event.finding,
      at,
      JSON.stringify(event),
    );
  }

  /** Findings since then that the ledger has, or does not have. */
  findings(isRecorded: boolean, since: number): readonly { readonly event: Finding; readonly at: number }[] {
    const rows = this.#prepare(
      'SELECT event, at FROM findings WHERE recorded = ? AND at >= ? ORDER BY at',
    ).all(isRecorded ? 1 : 0, since);
    return rows.map(({ event, at }) => ({ event: JSON.parse(event as string) as Finding, at: at as number }));
  }

  /** Forgets what is older. */
  forget(before: number): void {
    this.#run("DELETE FROM seen WHERE last < ? AND what LIKE 'shape %'", before);
    this.#run('DELETE FROM hours WHERE hour < ?', before);
    this.#run('DELETE FROM findings WHERE at < ?', before);
  }

  /** All of what `work` changes, with the place behind it, or nothing. */
  together(place: Place, work: () => void): void {
    this.#run('BEGIN IMMEDIATE');
    try {
      work();
      this.#keep('next', place.next);
      this.#keep('tip', place.tip);
      this.#run('COMMIT');
    } catch (cause) {
      if (this.#database.isTransaction) this.#run('ROLLBACK');
      throw cause;
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #meta(name: string): unknown {
    return this.#get('SELECT value FROM meta WHERE name = ?', name)?.value;
  }

  #keep(name: string, value: string | number): void {
    this.#run('INSERT OR REPLACE INTO meta VALUES (?, ?)', name, value);
  }

  #get(sql: string, ...parameters: (string | number)[]): Record<string, unknown> | undefined {
    return this.#prepare(sql).get(...parameters) as Record<string, unknown> | undefined;
  }

  #run(sql: string, ...parameters: (string | number)[]): void {
    this.#prepare(sql).run(...parameters);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
