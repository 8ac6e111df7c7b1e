/**
 * Results of a database whose configuration says `scan`: cells of columns without a label are looked at while they pass, whole rows at a time. What
 * looks personal is reported, or ends the result before its row leaves. It finds what nobody has labelled; it is no mask.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { labelOfCell } from '../../masking/discovery/cell-scan.ts';
import type { Label } from '../../model/labels.ts';
import { refusalDetail } from '../../policy/refusal-detail.ts';
import type { PipelineMetrics } from '../../session/metrics.ts';
import type { Ticket } from '../../session/session.ts';
import {
  BACKEND_TYPE as B,
  type ColumnDescription,
  decodeBackendMessage,
  type RowRoom,
} from '../../wire/postgres/index.ts';
import type { DatabaseService } from './database-service.ts';

/** Rows of a result that are looked at where findings are only reported. */
const SAMPLED_ROWS = 100;
/** A row that is larger passes unseen: it would have to be kept until it has come. */
const MAX_ROW_BYTES = 1_048_576;
const HEADER_BYTES = 5;
/** text, varchar, bpchar, name. */
const TEXT_OIDS: ReadonlySet<number> = new Set([25, 1043, 1042, 19]);

/** A cell that holds something, in a column that nobody labelled. */
export interface Finding {
  readonly label: Label;
  /** Of a table; absent if the column is computed or not known. */
  readonly column?: string;
}

export interface ScanOptions {
  readonly mode: 'report' | 'stop';
  /** The name of a column to be looked at; undefined for one that has a label, or that somebody has looked at. */
  readonly columnOf: (tableOid: number, attnum: number) => string | undefined;
  readonly onFound: (finding: Finding) => void;
}

/** What is to be looked at in a result, by the position of its columns; undefined: in every cell. */
type Plan = readonly (string | undefined)[] | undefined;

export class ResultScan {
  readonly #o: ScanOptions;
  #described: readonly ColumnDescription[] | undefined;
  #ticket: Ticket | undefined;
  #plan: Plan;
  #left = 0;
  #found: SluiceError | undefined;
  /** True if rows were kept back because the last of them has not come whole. */
  limits = false;

  constructor(options: ScanOptions) {
    this.#o = options;
  }

  /** True if what is found ends the result. */
  get stops(): boolean {
    return this.#o.mode === 'stop';
  }

  /** Takes the description of what comes next. */
  describe(frame: Buffer): void {
    const message = decodeBackendMessage(frame);
    if (message.type === 'RowDescription') this.#described = message.columns;
  }

  /** By what the result has to end, once. */
  takeFound(): SluiceError | undefined {
    const found = this.#found;
    this.#found = undefined;
    return found;
  }

  /** What may pass of the rows that begin there. @param own what may pass for other reasons */
  room(
    chunk: Buffer,
    from: number,
    ticket: Ticket | undefined,
    own: RowRoom | undefined,
  ): RowRoom | undefined {
    this.limits = false;
    if (ticket !== this.#ticket) this.#begin(ticket);
    if (ticket === undefined || this.#left <= 0) return own;
    const rows = this.#look(chunk, from);
    if (own !== undefined && own.rows <= rows) return own;
    this.limits = rows < Number.POSITIVE_INFINITY;
    return {
      rows,
      bytes: own?.bytes ?? Number.POSITIVE_INFINITY,
      take: (count, bytes) => own?.take(count, bytes),
    };
  }

  #begin(ticket: Ticket | undefined): void {
    this.#ticket = ticket;
    const columns = this.#described;
    this.#described = undefined;
    const { masked = [], unmasked = [] } = ticket?.planned.record ?? {};
    const touches = masked.length + unmasked.length > 0;
    this.#left = this.#o.mode === 'stop' ? Number.POSITIVE_INFINITY : SAMPLED_ROWS;
    // Of a statement that reads what is labelled, nobody knows what a cell without a column is made of.
    if (columns === undefined) this.#plan = touches ? [] : undefined;
    else this.#plan = columns.map((column) => this.#columnOf(column, touches));
    if (this.#plan?.every((column) => column === undefined)) this.#left = 0;
  }

  #columnOf({ tableOid, columnNumber, typeOid }: ColumnDescription, touches: boolean): string | undefined {
    if (!TEXT_OIDS.has(typeOid)) return undefined;
    return tableOid === 0 ? (touches ? undefined : '') : this.#o.columnOf(tableOid, columnNumber);
  }

  /** How many rows may pass: those that have come whole, up to one that may not. */
  #look(chunk: Buffer, from: number): number {
    let rows = 0;
    for (let at = from; at < chunk.length; ) {
      const type = chunk[at]!;
      if (type !== B.DataRow && type !== B.CopyData) return Number.POSITIVE_INFINITY;
      if (chunk.length - at < HEADER_BYTES) return rows;
      const end = at + 1 + chunk.readUInt32BE(at + 1);
      if (end > chunk.length) return end - at > MAX_ROW_BYTES ? Number.POSITIVE_INFINITY : rows;
      const finding =
        type === B.DataRow
          ? this.#inRow(chunk, at + HEADER_BYTES, end)
          : this.#inCopy(chunk, at + HEADER_BYTES, end);
      if (finding !== undefined) this.#o.onFound(finding);
      if (finding !== undefined && this.#o.mode === 'stop') {
        this.#found = stopped(finding);
        return rows;
      }
      rows += 1;
      this.#left -= 1;
      if (this.#left <= 0) return Number.POSITIVE_INFINITY;
      at = end;
    }
    // What comes next may begin in the next chunk.
    return rows === 0 ? Number.POSITIVE_INFINITY : rows;
  }

  #inRow(chunk: Buffer, start: number, end: number): Finding | undefined {
    const count = chunk.readUInt16BE(start);
    let at = start + 2;
    for (let i = 0; i < count && at + 4 <= end; i++) {
      const length = chunk.readInt32BE(at);
      at += 4;
      if (length <= 0) continue;
      const column = this.#plan === undefined ? '' : this.#plan[i];
      const label = column === undefined ? undefined : labelOfCell(chunk, at, Math.min(end, at + length));
      if (label !== undefined) return column === '' ? { label } : { label, column: column! };
      at += length;
    }
    return undefined;
  }

  /** One row a message: cells behind tabs or commas, or behind their lengths. */
  #inCopy(chunk: Buffer, start: number, end: number): Finding | undefined {
    if (this.#plan !== undefined) return undefined;
    let cell = start;
    for (let at = start; at <= end; at++) {
      const byte = at < end ? chunk[at]! : 0;
      if (byte > 0x1f && byte !== 0x2c && byte !== 0x22) continue;
      const label = labelOfCell(chunk, cell, at);
      if (label !== undefined) return { label };
      cell = at + 1;
    }
    return undefined;
  }
}

/** Columns that are reported once, by the service that has them. */
const REPORTED = new WeakMap<DatabaseService, Set<string>>();
const MAX_REPORTED = 10_000;

/** What looks at the results of one session; undefined where nothing does. */
export function openScan(
  service: DatabaseService,
  ledger: Pick<Ledger, 'append'>,
  metrics: PipelineMetrics,
): ResultScan | undefined {
  const { scan: mode, name: database } = service.config;
  if (mode === 'off') return undefined;
  const reported = REPORTED.get(service) ?? new Set();
  REPORTED.set(service, reported);
  return new ResultScan({
    mode,
    columnOf: (oid, attnum) => service.unlabelledColumn(oid, attnum),
    onFound: ({ label, column = '(computed)' }) => {
      metrics.scanFindings.inc({ label });
      const found = `${column}:${label}`;
      if (reported.has(found) || reported.size >= MAX_REPORTED) return;
      reported.add(found);
      ledger.append({ kind: 'label', step: 'found', database, columns: [found] });
      service.reportFound(column, label);
    },
  });
}

function stopped({ label, column }: Finding): SluiceError {
  const where = column === undefined ? 'a column of the result' : column;
  return new SluiceError(
    'personal_data_found',
    `${where} holds what looks like ${label.replaceAll('_', ' ')} and has no label`,
    {
      detail: refusalDetail(
        'personal_data_found',
        { policies: [] },
        { label, ...(column === undefined ? {} : { column }) },
      ),
      hint:
        column === undefined
          ? 'Ask for the columns of tables themselves, or have them labelled.'
          : `Leave the column out, or have it labelled: sluice labels discover; none says that somebody has looked at it.`,
    },
  );
}
