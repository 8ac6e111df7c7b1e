import { describe, expect, it } from 'vitest';
import type { KeptCheckpoint } from '../ledger/kept-checkpoints.ts';
import type { LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import { collectEvidence } from './collect-evidence.ts';
import type { Evidence } from './evidence.ts';
import { filterValue, periodFilter, shellCommand } from './filter-text.ts';
import { reportPage } from './report-page.ts';
import { LedgerWalk, type ReportPart } from './walk.ts';

const DAY = 24 * 3600_000;
const FROM = Date.parse('2026-11-01');
const TO = FROM + 30 * DAY;

class Log {
  readonly entries: LedgerEntry[] = [];

  add(at: number, event: LedgerEvent, lane = 1): this {
    const seq = this.entries.length;
    this.entries.push({ seq, id: `${lane}.${seq}`, lane, at, event });
    return this;
  }

  open(
    at: number,
    session: string,
    changes: Partial<Extract<LedgerEvent, { kind: 'session-opened' }>> = {},
  ): this {
    return this.add(at, {
      ...{ kind: 'session-opened', session, principal: 'bob', principalKind: 'Human', onBehalfOf: [] },
      ...{
        database: 'shop',
        environment: 'prod',
        client: '10.0.0.1:5',
        application: 'psql',
        tls: true,
        ...changes,
      },
    });
  }

  ask(
    at: number,
    session: string,
    statement: number,
    changes: Partial<Extract<LedgerEvent, { kind: 'statement' }>> = {},
  ): this {
    return this.add(at, {
      ...{ kind: 'statement', session, statement, text: 'SELECT 1', command: 'SELECT', actions: ['Read'] },
      ...{ relations: [], decision: 'allow', policies: ['read'], policyVersion: 'v', ...changes },
    });
  }

  end(at: number, session: string, statement: number, labels?: Record<string, { unmasked: number }>): this {
    const counted = labels === undefined ? {} : { labels };
    return this.add(at, {
      kind: 'outcome',
      session,
      statement,
      rows: 1,
      bytes: 1,
      durationUs: 1,
      tag: 'SELECT 1',
      ...counted,
    });
  }

  close(at: number, session: string): this {
    return this.add(at, { kind: 'session-closed', session, reason: 'client', statements: 1 });
  }

  async *all(): AsyncGenerator<LedgerEntry, void, void> {
    yield* this.entries;
  }

  async evidence(database?: string): Promise<Evidence> {
    const frame = { madeAt: TO, madeBy: 'root', version: '1', log: {} };
    return collectEvidence(
      this.all(),
      { from: FROM, to: TO, ...(database === undefined ? {} : { database }) },
      frame,
    );
  }
}

const numberOf = (evidence: Evidence, label: string) =>
  evidence.summary.find((one) => one.label === label)!.value;

describe('a period', () => {
  it('has the statements that were asked in it, by sessions that may be older, with outcomes that may be later', async () => {
    const evidence = await new Log()
      .open(FROM - 5, 's1')
      .ask(FROM - 1, 's1', 1, { unmasked: ['email'] })
      .end(FROM, 's1', 1, { email: { unmasked: 100 } })
      .ask(FROM, 's1', 2)
      .end(FROM, 's1', 2)
      .ask(TO - 1, 's1', 3, { unmasked: ['email'] })
      .ask(TO, 's1', 4)
      .end(TO + 1, 's1', 3, { email: { unmasked: 7 } })
      .close(TO + 2, 's1')
      .evidence();
    expect(numberOf(evidence, 'statements')).toBe(2);
    expect(evidence.access.rows).toMatchObject([
      { principal: 'bob', sessions: { value: 0 }, statements: { value: 2 } },
    ]);
    expect(evidence.labels).toMatchObject([
      { label: 'email', unmaskedRows: 7, unmaskedStatements: { value: 1 } },
    ]);
    expect(evidence.gaps.total).toBe(0);
    expect(evidence.entries).toEqual({ count: 4, first: 2, last: 5 });
  });

  it('names what has no outcome, but not what was never let through', async () => {
    const evidence = await new Log()
      .open(FROM, 's1')
      .ask(FROM, 's1', 1, { command: 'UPDATE' })
      .ask(FROM, 's1', 2, { decision: 'deny' })
      .ask(FROM, 's1', 3, { decision: 'hold' })
      .close(FROM + 1, 's1')
      .open(FROM + 2, 's2')
      .ask(FROM + 2, 's2', 1)
      .add(FROM + 3, { kind: 'log-recovered', tornBytes: 12 })
      .evidence();
    expect(numberOf(evidence, 'statements without an outcome')).toBe(2);
    expect(evidence.gaps.rows.map(({ what }) => what)).toEqual([
      'UPDATE by bob on shop: nothing says how it ended',
      'SELECT by bob on shop: nothing says how it ended',
      'lane 1 was recovered after a crash; 12 bytes of an unfinished write were cut off',
    ]);
  });

  it('keeps no more of what waits for an outcome than there is room for, the youngest', async () => {
    const log = new Log();
    for (let session = 0; session < 100; session++)
      log.open(FROM, `S${session}`).ask(FROM, `S${session}`, 1, { text: 'x'.repeat(500) });
    const ended: string[] = [];
    const unended: string[] = [];
    const part: ReportPart = {
      outcome: ({ session }) => void ended.push(session.session),
      unended: ({ session }) => void unended.push(session.session),
    };
    log.end(FROM, 'S99', 1).end(FROM, 'S0', 1);
    await new LedgerWalk({ from: FROM, to: TO }, [part], 15_000).run(log.all());
    expect(ended).toEqual(['S99']);
    expect(unended.sort()).toEqual(Array.from({ length: 99 }, (_, index) => `S${index}`).sort());
  });

  it('of one database leaves out what others did', async () => {
    const log = new Log()
      .open(FROM, 's1')
      .ask(FROM, 's1', 1, { decision: 'deny', policies: [] })
      .open(FROM, 's2', { database: 'hr', principal: 'alice' })
      .ask(FROM, 's2', 1, { unmasked: ['salary'] })
      .end(FROM, 's2', 1, { salary: { unmasked: 3 } })
      .add(FROM, { kind: 'approval', request: 'apr_1', step: 'requested', by: 'alice', session: 's2' })
      .add(FROM, { kind: 'authentication-failed', user: 'x', database: 'hr', client: 'c', code: '28P01' })
      .add(FROM, { kind: 'policy-loaded', version: 'v2', files: [] });
    const [shop, hr] = [await log.evidence('shop'), await log.evidence('hr')];
    expect(shop.access.rows.map(({ principal }) => principal)).toEqual(['bob']);
    expect([shop.labels.length, shop.approvals.total, shop.logins.total, shop.changes.total]).toEqual([
      0, 0, 0, 1,
    ]);
    expect(shop.summary.find(({ label }) => label.startsWith('policy'))!.filter).toBeUndefined();
    expect([hr.labels.length, hr.approvals.total, hr.logins.total, hr.changes.total]).toEqual([1, 1, 1, 1]);
    expect(shop.denials.byPolicy).toMatchObject([
      { policy: '(nothing permits it)', statements: { value: 1 } },
    ]);
  });
});

describe('approvals', () => {
  const vote = (by: string) =>
    ({ kind: 'approval', request: 'apr_1', step: 'vote', by, verdict: 'approve' }) as const;

  it.each([
    ['alice', 0],
    ['report-bot', 1],
    ['bob', 1],
  ])('by %s are self-approval %i times', async (by, times) => {
    const evidence = await new Log()
      .open(FROM, 's1', { principal: 'report-bot', onBehalfOf: ['bob'] })
      .add(FROM, { kind: 'approval', request: 'apr_1', step: 'requested', by: 'report-bot', session: 's1' })
      .add(FROM + 1, vote(by))
      .add(FROM + 1, { kind: 'approval', request: 'apr_1', step: 'previewed', by })
      .add(FROM + 1, { kind: 'approval', request: 'apr_1', step: 'approved', by })
      .evidence();
    expect(evidence.approvals.selfApproved).toBe(times);
    expect(evidence.approvals.rows[0]).toMatchObject({ askedBy: 'report-bot for bob', state: 'approved' });
  });
});

describe('checkpoints in a second place', () => {
  const MINUTE = 60_000;
  const log = () =>
    new Log()
      .open(FROM, 's1')
      .ask(FROM + MINUTE, 's1', 1)
      .ask(FROM + 2 * MINUTE, 's1', 2)
      .ask(FROM + DAY, 's1', 3);
  const gapsWith = async (kept: readonly KeptCheckpoint[]) => {
    const entries = log().entries;
    async function* read() {
      yield* entries;
    }
    const frame = { madeAt: TO, madeBy: 'root', version: '1', log: {} };
    const anchoring = { kept, withinMs: 3 * MINUTE };
    const { gaps } = await collectEvidence(read(), { from: FROM, to: TO }, frame, { anchoring });
    return gaps.rows
      .map(({ seq, what }) => [seq, what])
      .filter(([, what]) => !String(what).startsWith('SELECT'));
  };

  it('in time for all entries leave no gap', async () => {
    const kept = [
      { size: 2, keptAt: FROM + MINUTE },
      { size: 3, keptAt: FROM + 5 * MINUTE },
      { size: 4, keptAt: FROM + DAY },
    ];
    expect(await gapsWith(kept)).toEqual([]);
  });

  it('that came late, or do not fit, do', async () => {
    const kept = [
      { size: 1, keptAt: FROM },
      { size: 3, keptAt: FROM + DAY, problem: 'the log is not the one that was signed then' },
      { size: 4, keptAt: FROM + DAY + MINUTE },
    ];
    expect(await gapsWith(kept)).toEqual([
      [1, 'no checkpoint was kept in a second place in time for 2 entries until 2026-11-01T00:02:00.000Z'],
      [3, 'the checkpoint of 3 entries kept in a second place: the log is not the one that was signed then'],
    ]);
  });

  it('cover what they cover, whichever place was the first to have it', async () => {
    const kept = [
      { size: 2, keptAt: FROM + DAY },
      { size: 3, keptAt: FROM + 3 * MINUTE },
      { size: 3, keptAt: FROM + DAY },
      { size: 4, keptAt: FROM + DAY },
    ];
    expect(await gapsWith(kept)).toEqual([]);
  });

  it('of which there are none cover nothing', async () => {
    expect(await gapsWith([])).toHaveLength(1);
  });
});

describe('much of it', () => {
  it('stays bounded, and is counted to the last', async () => {
    const log = new Log();
    for (let n = 0; n < 6000; n += 1) {
      log.open(FROM, `s${n}`, { principal: `p${n}` });
      log.ask(FROM, `s${n}`, 1, {
        decision: 'deny',
        actions: ['Drop'],
        policies: [`policy-${n}`],
        text: 'x'.repeat(5000),
      });
      log.close(FROM, `s${n}`);
    }
    const evidence = await log.evidence();
    expect(evidence.access.rows).toHaveLength(5001);
    expect(evidence.access.rows.find(({ principal }) => principal === '(others)')!.sessions.value).toBe(1000);
    expect([evidence.denials.rows.length, evidence.denials.total]).toEqual([200, 6000]);
    expect([evidence.privileged.rows.length, evidence.privileged.total]).toEqual([200, 6000]);
    expect(evidence.denials.rows[0]!.text).toHaveLength(400);
    expect(reportPage(evidence)).toContain('The first 200 of 6,000.');
  });
});

describe('a filter', () => {
  const scope = { from: FROM, to: TO };

  it('counts the last day whole', () => {
    expect(periodFilter(scope, 'kind:statement')).toBe('kind:statement since:2026-11-01 until:2026-11-30');
    expect(periodFilter({ from: FROM + 1, to: TO - 1000 })).toBe(
      'since:2026-11-01T00:00:00.001Z until:2026-11-30T23:59:59Z',
    );
  });

  it('takes any value as it is, in a shell too', () => {
    expect(filterValue('report-bot')).toBe('report-bot');
    expect(filterValue('a "b" \\ or c:*')).toBe('"a \\"b\\" \\\\ or c:*"');
    expect(shellCommand('sluice search', `it's; rm -rf ~`, '--count')).toBe(
      `sluice search 'it'\\''s; rm -rf ~' --count`,
    );
  });
});
