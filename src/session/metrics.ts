/**
 * What the pipeline counts, for Prometheus. Labels are few and fixed: principals, relations and statements never become
 * label values.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Outcome } from '../model/decision.ts';

const STEP_BUCKETS_SECONDS = [5e-6, 2e-5, 1e-4, 5e-4, 2e-3, 1e-2, 5e-2, 0.25, 1, 5, 30];

/** The steps of a statement's life that are timed. */
export type Step = 'analyze' | 'decide' | 'durable' | 'hold' | 'database';

export class PipelineMetrics {
  /** Sessions open now. */
  readonly sessions: Gauge;
  /** Errors raised by the gate or the database, by SQLSTATE class (two characters). */
  readonly errors: Counter<'class'>;
  readonly authentications: Counter<'result'>;
  /** Times that a budget was used up, by the budget's name in the configuration. */
  readonly budgetsExceeded: Counter<'budget'>;
  /** Cells of results that looked personal and had no label, by what they looked like. */
  readonly scanFindings: Counter<'label'>;
  readonly #steps: Record<Step, { observe(seconds: number): void }>;
  readonly #decided: Record<Outcome, number> = { allow: 0, hold: 0, deny: 0 };
  #rows = 0;
  #bytes = 0;

  constructor(registry: Registry) {
    const registers = [registry];
    this.sessions = new Gauge({ name: 'sluice_sessions', help: 'Open sessions', registers });
    this.errors = new Counter({
      name: 'sluice_errors_total',
      help: 'Errors by SQLSTATE class',
      labelNames: ['class'],
      registers,
    });
    this.authentications = new Counter({
      name: 'sluice_authentications_total',
      help: 'Authentications by result',
      labelNames: ['result'],
      registers,
    });
    this.budgetsExceeded = new Counter({
      name: 'sluice_budgets_exceeded_total',
      help: 'Statements that were stopped or held because a budget was used up',
      labelNames: ['budget'],
      registers,
    });
    this.scanFindings = new Counter({
      name: 'sluice_scan_findings_total',
      help: 'Cells without a label that looked personal, by label',
      labelNames: ['label'],
      registers,
    });
    const histogram = new Histogram({
      name: 'sluice_step_seconds',
      help: 'Time spent in each step of a statement',
      labelNames: ['step'],
      buckets: STEP_BUCKETS_SECONDS,
      registers,
    });
    const step = (name: Step) => histogram.labels(name);
    this.#steps = {
      analyze: step('analyze'),
      decide: step('decide'),
      durable: step('durable'),
      hold: step('hold'),
      database: step('database'),
    };
    this.#collectCounts(registers);
  }

  decided(outcome: Outcome): void {
    this.#decided[outcome] += 1;
  }

  answered(rows: number, bytes: number): void {
    this.#rows += rows;
    this.#bytes += bytes;
  }

  step(step: Step, seconds: number): void {
    this.#steps[step].observe(seconds);
  }

  /** Counts that change with every statement are plain numbers, handed over when somebody scrapes. */
  #collectCounts(registers: Registry[]): void {
    const decided = this.#decided;
    new Counter({
      name: 'sluice_statements_total',
      help: 'Statements by decision',
      labelNames: ['decision'],
      registers,
      collect() {
        this.reset();
        for (const [decision, count] of Object.entries(decided)) this.inc({ decision }, count);
      },
    });
    const sum = (name: string, help: string, read: () => number) =>
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    sum('sluice_rows_total', 'Rows sent to clients', () => this.#rows);
    sum('sluice_result_bytes_total', 'Bytes of rows sent to clients', () => this.#bytes);
  }
}
