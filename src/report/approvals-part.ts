/** Requests for approval: who asked, who answered, what came of it, and whether these were different people. */
import type { LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import type { ApprovalAnswerRow, ApprovalRow, Evidence, Figure } from './evidence.ts';
import { type FilterScope, periodFilter } from './filter-text.ts';
import { type ReportPart, type SessionOpened, whoOf } from './walk.ts';

type ApprovalEvent = Extract<LedgerEvent, { kind: 'approval' }>;

const MAX_REQUESTS = 20_000;
const MAX_ROWS = 500;
const MAX_ANSWERS = 20;

/** Steps that a request comes to. */
const STATES: ReadonlySet<ApprovalEvent['step']> = new Set([
  ...(['approved', 'used', 'denied', 'expired', 'drifted', 'cancelled'] as const),
]);

interface Trail {
  readonly request: string;
  readonly seq: number;
  readonly at: number;
  readonly askedBy: string;
  readonly asked: readonly string[];
  readonly database?: string;
  state: string;
  readonly answers: ApprovalAnswerRow[];
}

export class ApprovalsPart implements ReportPart {
  readonly #trails = new Map<string, Trail>();
  #untold = 0;
  #steps = 0;

  entry(entry: LedgerEntry, session: SessionOpened | undefined): void {
    if (entry.event.kind !== 'approval') return;
    this.#steps += 1;
    const trail = this.#trailOf(entry, entry.event, session);
    if (trail !== undefined) follow(trail, entry, entry.event);
  }

  figures(scope: FilterScope): Figure[] {
    const filter = periodFilter(scope, 'kind:approval');
    // Steps name no database: with one, the figure is of its own requests, and no filter says the same.
    return [
      {
        label: 'steps of approvals',
        value: this.#steps,
        ...(scope.database === undefined ? { filter } : {}),
      },
    ];
  }

  result(scope: FilterScope): Evidence['approvals'] {
    const trails = [...this.#trails.values()];
    const states = Map.groupBy(trails, ({ state }) => state);
    const rows = trails.slice(0, MAX_ROWS).map(rowOf);
    const answers = trails.flatMap((trail) => trail.answers);
    return {
      ...{ rows, total: trails.length + this.#untold, filter: periodFilter(scope, 'kind:approval') },
      byState: [...states].sort().map(([label, of]) => ({ label, value: of.length })),
      selfApproved: trails.filter(isSelfApproved).length,
      automatic: answers.filter(({ isAutomatic }) => isAutomatic).length,
    };
  }

  #trailOf(
    { seq, at }: LedgerEntry,
    event: ApprovalEvent,
    session: SessionOpened | undefined,
  ): Trail | undefined {
    const known = this.#trails.get(event.request);
    if (known !== undefined) return known;
    if (this.#trails.size >= MAX_REQUESTS) {
      if (event.step === 'requested') this.#untold += 1;
      return undefined;
    }
    const isAsked = event.step === 'requested';
    const asker = session ?? {
      principal: isAsked ? (event.by ?? '?') : '(asked before the period)',
      onBehalfOf: [],
    };
    const trail: Trail = {
      ...{ request: event.request, seq, at, askedBy: whoOf(asker), state: 'pending', answers: [] },
      asked: [asker.principal, ...asker.onBehalfOf],
      ...(session === undefined ? {} : { database: session.database }),
    };
    this.#trails.set(event.request, trail);
    return trail;
  }
}

function follow(trail: Trail, { seq, at }: LedgerEntry, event: ApprovalEvent): void {
  const { step, by = '?', verdict, via, automatic, reason } = event;
  if (step === 'vote' && trail.answers.length < MAX_ANSWERS) {
    trail.answers.push({
      ...{ seq, at, by, verdict: verdict ?? '?', isAutomatic: automatic === true },
      ...(via === undefined ? {} : { via }),
      ...(reason === undefined ? {} : { reason }),
    });
  }
  if (STATES.has(step)) trail.state = step;
}

function rowOf({ asked: _, ...trail }: Trail & { readonly asked: readonly string[] }): ApprovalRow {
  return { ...trail, isSelfApproved: isSelfApproved({ ...trail, asked: _ }) };
}

function isSelfApproved({ answers, asked }: Pick<Trail, 'answers' | 'asked'>): boolean {
  return answers.some(({ verdict, by }) => verdict === 'approve' && asked.includes(by));
}
