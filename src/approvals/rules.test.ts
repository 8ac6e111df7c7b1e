import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readApproval } from '../config/approval-text.ts';
import { Ledger } from '../ledger/ledger.ts';
import { readEntries } from '../ledger/read-entries.ts';
import type { ApprovalBinding } from '../model/approval.ts';
import type { Actor, PrincipalKind } from '../model/principal.ts';
import { openStore, type Store } from '../store/store.ts';
import { type ApprovalDemand, Approvals } from './approvals.ts';
import { Grants } from './grants.ts';

/** A Thursday. */
const START = Date.parse('2026-01-01T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let directory: string;
let ledger: Ledger;
let store: Store;
let approvals: Approvals;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: START });
  directory = mkdtempSync(join(tmpdir(), 'sluice-approvals-'));
  ledger = await Ledger.open({ directory: join(directory, 'ledger') });
  store = await openStore(join(directory, 'store.db'));
  approvals = make();
});

afterEach(async () => {
  approvals.close();
  await store.close();
  await ledger.close();
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

function make(): Approvals {
  const limits = { maxPending: 100, maxPendingPerPrincipal: 10 };
  const grants = new Grants({ store: store.grants, ledger, now: Date.now });
  return new Approvals({ store: store.approvals, grants, ledger, now: Date.now, ...limits });
}

const BINDING: ApprovalBinding = {
  ...{ principal: 'report-bot', onBehalfOf: ['bob'], database: 'shop' },
  ...{ astDigests: ['a1'], parameters: [], objectsDigests: ['o1'] },
};

function demand(rule: string, changes: Partial<ApprovalDemand> = {}): ApprovalDemand {
  return {
    ...{ binding: BINDING, sessionId: 's1', holdMode: 'fail', statement: 'UPDATE t SET a = 1', facts: [] },
    ...{ policies: [{ id: 'p', effect: 'forbid' }], policyVersion: 'v1', rule: readApproval(rule) },
    ...changes,
  };
}

function actor(id: string, groups: readonly string[], kind: PrincipalKind = 'Human'): Actor {
  return { principal: { id, kind, groups }, onBehalfOf: [] };
}
const alice = actor('alice', ['dba']);
const carol = actor('carol', ['dba', 'security']);
const dave = actor('dave', ['security']);
const boss = actor('boss', ['managers']);
const bob = actor('bob', ['dba']);
const robot = actor('risk-analyst', ['robots'], 'Service').principal;

const PATIENCE = { timeout: 25_000 };
const ask = async (rule: string) => (await approvals.request(demand(rule))).id;
const approve = (id: string, who: Actor) => approvals.vote(id, who, 'approve');
const stateOf = async (id: string) => (await approvals.get(id))?.state;

async function steps(id: string) {
  await ledger.durable(ledger.appendedSeq);
  const found = [];
  for await (const { event } of readEntries(join(directory, 'ledger')))
    if (event.kind === 'approval' && event.request === id) found.push(event);
  return found;
}

describe('a quorum by group', () => {
  const RULE = 'quorum=dba:1+security:1';

  it('needs somebody of each', async () => {
    const id = await ask(RULE);
    expect((await approve(id, alice)).state).toBe('pending');
    await expect(approve(id, actor('anna', []))).rejects.toMatchObject({ code: 'forbidden' });
    expect((await approve(id, actor('anna', ['dba']))).state).toBe('pending');
    expect((await approve(id, dave)).state).toBe('approved');
  });

  it('counts one person in two groups once', async () => {
    const id = await ask(RULE);
    expect((await approve(id, carol)).state).toBe('pending');
    await expect(approve(id, carol)).rejects.toMatchObject({ code: 'conflict' });
    expect((await approve(id, alice)).state).toBe('approved');
  });

  it('finds a seat for everyone, whoever comes first', async () => {
    const id = await ask('quorum=dba:2+security:1');
    // Carol would have been taken for dba, had dave come later.
    for (const who of [carol, alice]) expect((await approve(id, who)).state).toBe('pending');
    expect((await approve(id, actor('anna', ['dba']))).state).toBe('approved');
  });
});

describe('people on whose behalf it is asked', () => {
  it('do not answer, unless the rule says so', async () => {
    const safe = await ask('groups=dba');
    await expect(approve(safe, bob)).rejects.toMatchObject({ code: 'forbidden' });
    await approvals.cancel(safe);
    const open = await ask('groups=dba; behalf=yes');
    expect((await approve(open, bob)).state).toBe('approved');
    const own = await approvals.request(
      demand('groups=dba; behalf=yes', { binding: { ...BINDING, principal: 'bob', onBehalfOf: [] } }),
    );
    await expect(approve(own.id, bob)).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('times', () => {
  it('approvals count only while the window is open, denials always', async () => {
    const id = await ask('groups=dba; expires=1d; answer=mon-fri 08:00-13:00 Europe/Berlin');
    // 12:00 UTC is 13:00 in Berlin.
    await expect(approve(id, alice)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('mon,tue,wed,thu,fri 08:00-13:00 Europe/Berlin'),
    });
    vi.setSystemTime(START + 19 * HOUR);
    expect((await approve(id, alice)).state).toBe('approved');
    const other = await ask('groups=dba; answer=sun');
    expect((await approvals.vote(other, alice, 'deny', 'no')).state).toBe('denied');
  });

  it('what is approved runs only while the window is open, and stays approved until then', async () => {
    const rule = 'groups=dba; expires=1d; run=22:00-06:00';
    const id = await ask(rule);
    await approve(id, alice);
    await expect(approvals.claimGranted(BINDING, readApproval(rule))).rejects.toMatchObject({
      code: 'approval_not_now',
      sqlstate: 'SL020',
    });
    expect(await stateOf(id)).toBe('approved');
    vi.setSystemTime(START + 15 * HOUR);
    expect(await approvals.claimGranted(BINDING, readApproval(rule))).toMatchObject({ id });
  });

  it('whoever waits goes on when the window opens', async () => {
    const request = await approvals.request(
      demand('groups=dba; expires=1h; run=12:30-13:00', { holdMode: 'wait' }),
    );
    const answer = approvals.wait(request.id, new AbortController().signal);
    await approve(request.id, alice);
    let answered = false;
    void answer.then(() => {
      answered = true;
    });
    await vi.advanceTimersByTimeAsync(25 * MINUTE);
    expect(answered).toBe(false);
    await vi.advanceTimersByTimeAsync(6 * MINUTE);
    expect(await answer).toBe('approved');
  });

  it('an approval expires on its own', async () => {
    const id = await ask('groups=dba; expires=10m; valid=2h');
    vi.setSystemTime(START + 5 * MINUTE);
    expect(await approve(id, alice)).toMatchObject({ expiresAt: START + 5 * MINUTE + 2 * HOUR });
    await vi.advanceTimersByTimeAsync(115 * MINUTE);
    expect(await stateOf(id)).toBe('approved');
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    expect(await stateOf(id)).toBe('expired');
    expect(await approvals.claim(id, BINDING)).toBeUndefined();
  });
});

describe('escalation', () => {
  const RULE = 'quorum=dba:1+security:1; escalate=managers after 5m; expires=30m';

  it('lets others answer when nobody has, and says so', async () => {
    const id = await ask(RULE);
    await expect(approve(id, boss)).rejects.toMatchObject({ code: 'forbidden' });
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    await vi.waitFor(async () => expect((await approvals.get(id))?.escalated).toBeDefined(), PATIENCE);
    expect((await approve(id, boss)).state).toBe('pending');
    expect((await approve(id, dave)).state).toBe('approved');
    expect(await steps(id)).toMatchObject([
      { step: 'requested' },
      { step: 'escalated', groups: ['managers'] },
      ...[{ step: 'vote' }, { step: 'vote' }, { step: 'approved' }],
    ]);
  });

  it('happens after a restart, too, and once', async () => {
    const id = await ask(RULE);
    approvals.close();
    vi.setSystemTime(START + 6 * MINUTE);
    approvals = make();
    await approvals.recover();
    await vi.advanceTimersByTimeAsync(1);
    await vi.waitFor(async () => expect((await approvals.get(id))?.escalated).toBeDefined(), PATIENCE);
    approvals.close();
    approvals = make();
    await approvals.recover();
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect((await steps(id)).filter(({ step }) => step === 'escalated')).toHaveLength(1);
  });

  it('does not happen to what is settled', async () => {
    const id = await ask(RULE);
    await approvals.vote(id, alice, 'deny', 'no');
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect((await approvals.get(id))?.escalated).toBeUndefined();
  });
});

describe('an automatic reviewer', () => {
  const vote = (id: string, verdict: 'approve' | 'deny' | 'escalate') =>
    approvals.voteAutomatically(id, robot, { verdict, reason: 'because' });

  it('counts as what the rule makes of its group', async () => {
    const id = await ask('groups=robots,dba');
    expect((await vote(id, 'approve')).votes).toEqual([
      expect.objectContaining({ principal: 'risk-analyst', automatic: true, groups: ['robots'] }),
    ]);
    expect(await stateOf(id)).toBe('approved');
    expect((await steps(id))[1]).toMatchObject({ by: 'risk-analyst', automatic: true, verdict: 'approve' });
    await expect(vote(id, 'deny')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('alone is not enough where people are wanted', async () => {
    const id = await ask('quorum=robots:1+dba:1');
    expect((await vote(id, 'approve')).state).toBe('pending');
    expect((await approve(id, alice)).state).toBe('approved');
  });

  it('denies alone', async () => {
    expect((await vote(await ask('groups=robots,dba'), 'deny')).state).toBe('denied');
  });

  it('that escalates decides nothing, and more people may answer at once', async () => {
    const id = await ask('groups=robots; escalate=managers after 10m');
    const request = await vote(id, 'escalate');
    expect(request).toMatchObject({ state: 'pending', escalated: { groups: ['managers'] } });
    await expect(vote(id, 'approve')).rejects.toMatchObject({ code: 'conflict' });
    expect((await approve(id, boss)).state).toBe('approved');
  });

  it('has no voice outside of its groups, on its own requests and outside of hours', async () => {
    await expect(vote(await ask('groups=dba'), 'approve')).rejects.toMatchObject({ code: 'forbidden' });
    const own = await approvals.request(
      demand('groups=robots', { binding: { ...BINDING, onBehalfOf: ['risk-analyst'] } }),
    );
    await expect(vote(own.id, 'approve')).rejects.toMatchObject({ code: 'forbidden' });
    const late = await ask('groups=robots,dba; answer=sun');
    expect(await vote(late, 'approve')).toMatchObject({
      state: 'pending',
      votes: [{ verdict: 'escalate', reason: 'no answers are taken at this time' }],
    });
  });
});
