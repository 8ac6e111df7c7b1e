import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SluiceError } from '../errors/sluice-error.ts';
import { Ledger } from '../ledger/ledger.ts';
import { readEntries } from '../ledger/read-entries.ts';
import type { ApprovalBinding, ApprovalRequest } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { Actor, PrincipalKind } from '../model/principal.ts';
import { openStore, type Store } from '../store/store.ts';
import { type ApprovalDemand, Approvals, type ApprovalsOptions } from './approvals.ts';
import { Grants } from './grants.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const MINUTE = 60_000;

let directory: string;
let ledger: Ledger;
let store: Store;
let approvals: Approvals;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: START });
  directory = mkdtempSync(join(tmpdir(), 'sluice-approvals-'));
  ledger = await Ledger.open({ directory: join(directory, 'ledger') });
  store = await openStore(join(directory, 'store.db'));
  approvals = makeApprovals();
});

afterEach(async () => {
  approvals.close();
  await store.close();
  await ledger.close();
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

function makeApprovals(options: Partial<ApprovalsOptions> = {}): Approvals {
  return new Approvals({
    store: store.approvals,
    grants: new Grants({ store: store.grants, ledger, now: Date.now }),
    ledger,
    now: Date.now,
    maxPending: 100,
    maxPendingPerPrincipal: 10,
    ...options,
  });
}

function restart(): Promise<void> {
  approvals.close();
  approvals = makeApprovals();
  return approvals.recover();
}

const BINDING: ApprovalBinding = {
  principal: 'report-bot',
  onBehalfOf: ['bob'],
  database: 'shop',
  astDigests: ['a1'],
  parameters: ['5', null],
  objectsDigests: ['o1'],
};
const RULE: ApprovalRule = { groups: ['dba', 'security'], quorum: 1, expiresMs: 10 * MINUTE };

function demand(changes: Partial<ApprovalDemand> = {}): ApprovalDemand {
  return {
    binding: BINDING,
    sessionId: 's1',
    holdMode: 'wait',
    statement: 'UPDATE payments SET refunded = true WHERE id = $1',
    facts: [],
    purpose: 'TICKET-7',
    policies: [{ id: 'agents-write-with-approval', effect: 'forbid' }],
    policyVersion: 'v1',
    rule: RULE,
    ...changes,
  };
}

function actor(
  id: string,
  groups: readonly string[],
  kind: PrincipalKind = 'Human',
  onBehalfOf: Actor[] = [],
): Actor {
  return { principal: { id, kind, groups }, onBehalfOf: onBehalfOf.map((one) => one.principal) };
}

const alice = actor('alice', ['dba']);
const carol = actor('carol', ['dba', 'security']);
const dave = actor('dave', ['security']);

async function steps(id: string): Promise<Partial<Extract<LedgerEvent, { kind: 'approval' }>>[]> {
  await ledger.durable(ledger.appendedSeq);
  const found = [];
  for await (const { event } of readEntries(join(directory, 'ledger'))) {
    if (event.kind !== 'approval' || event.request !== id) continue;
    const { kind: _, request: __, ...step } = event;
    found.push(step);
  }
  return found;
}

async function granted(changes: Partial<ApprovalDemand> = {}): Promise<ApprovalRequest> {
  const { id } = await approvals.request(demand(changes));
  return approvals.vote(id, alice, 'approve');
}

const PATIENCE = { timeout: 25_000 };
const never = new AbortController().signal;

describe('asking', () => {
  it('makes a request that says everything a reviewer needs', async () => {
    const request = await approvals.request(demand());
    expect(request).toEqual({
      ...demand(),
      id: expect.stringMatching(/^apr_[0-9a-hjkmnp-tv-z]{10}$/),
      state: 'pending',
      bindingDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      votes: [],
      createdAt: START,
      expiresAt: START + 10 * MINUTE,
    });
    expect(await approvals.get(request.id)).toEqual(request);
    expect(await steps(request.id)).toEqual([
      { step: 'requested', by: 'report-bot', binding: request.bindingDigest, session: 's1' },
    ]);
  });

  it('is the same request while it is pending, even if asked twice at once', async () => {
    const [first, second] = await Promise.all([approvals.request(demand()), approvals.request(demand())]);
    expect(second.id).toBe(first.id);
    expect(await steps(first.id)).toHaveLength(1);
    await approvals.vote(first.id, alice, 'deny', 'no');
    expect((await approvals.request(demand())).id).not.toBe(first.id);
  });

  it.each<[string, Partial<ApprovalDemand>]>([
    ['parameter', { binding: { ...BINDING, parameters: ['6', null] } }],
    ['null that is a text', { binding: { ...BINDING, parameters: ['5', 'null'] } }],
    ['principal', { binding: { ...BINDING, principal: 'other-bot' } }],
    ['human behind it', { binding: { ...BINDING, onBehalfOf: ['eve'] } }],
    ['database', { binding: { ...BINDING, database: 'staging' } }],
    ['statement', { binding: { ...BINDING, astDigests: ['a2'] } }],
    ['object', { binding: { ...BINDING, objectsDigests: ['o2'] } }],
    ['session, if it waits', { sessionId: 's2' }],
    ['rule', { rule: { ...RULE, quorum: 2 } }],
    ['way of waiting', { holdMode: 'fail' }],
  ])('is another request for another %s', async (_name, changes) => {
    const first = await approvals.request(demand());
    expect((await approvals.request(demand(changes))).id).not.toBe(first.id);
  });

  it('is the same request for another session, if neither waits', async () => {
    const first = await approvals.request(demand({ holdMode: 'fail' }));
    const second = await approvals.request(demand({ holdMode: 'fail', sessionId: 's2' }));
    expect(second.id).toBe(first.id);
  });

  it('is bounded by principal and over all, and answers make room', async () => {
    approvals = makeApprovals({ maxPending: 4, maxPendingPerPrincipal: 2 });
    const ask = (principal: string, parameter: string) =>
      approvals.request(demand({ binding: { ...BINDING, principal, parameters: [parameter] } }));
    const asked = await Promise.allSettled(['1', '2', '3', '4', '5'].map((parameter) => ask('a', parameter)));
    expect(asked.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(2);
    const full = { code: 'conflict', message: expect.stringContaining('pending') };
    await ask('b', '1');
    await ask('b', '2');
    await expect(ask('b', '3')).rejects.toMatchObject(full);
    await ask('c', '1').catch(() => {});
    await ask('d', '1').catch(() => {});
    await expect(ask('e', '1')).rejects.toMatchObject(full);
    expect((await store.approvals.countPending('b')).all).toBe(4);
    const [own] = await approvals.list({ limit: 100 });
    await approvals.vote((own as ApprovalRequest).id, alice, 'approve');
    await ask('e', '1');
  });

  it('refuses what nobody could read', async () => {
    await expect(approvals.request(demand({ statement: 'x'.repeat(1024 * 1024) }))).rejects.toMatchObject({
      code: 'statement_too_large',
    });
  });

  it('refuses texts that could not be told apart', () => {
    expect(() => approvals.request(demand({ binding: { ...BINDING, parameters: ['\ud800'] } }))).toThrow(
      TypeError,
    );
  });
});

describe('answering', () => {
  it('approves with one voice if the rule says so', async () => {
    const { id } = await approvals.request(demand());
    vi.setSystemTime(START + 5);
    const request = await approvals.vote(id, alice, 'approve', 'fine by me');
    expect(request).toMatchObject({
      state: 'approved',
      votes: [{ principal: 'alice', verdict: 'approve', reason: 'fine by me', at: START + 5 }],
    });
    expect((await steps(id)).slice(1)).toEqual([
      { step: 'vote', by: 'alice', verdict: 'approve', reason: 'fine by me' },
      { step: 'approved', by: 'alice', reason: 'fine by me' },
    ]);
  });

  it('approves with as many different people as the rule says', async () => {
    const { id } = await approvals.request(demand({ rule: { ...RULE, quorum: 2 } }));
    expect((await approvals.vote(id, carol, 'approve')).state).toBe('pending');
    // Carol is in both groups, and still one person.
    await expect(approvals.vote(id, carol, 'approve')).rejects.toMatchObject({ code: 'conflict' });
    expect((await approvals.vote(id, dave, 'approve')).state).toBe('approved');
    expect((await steps(id)).map(({ step }) => step)).toEqual(['requested', 'vote', 'vote', 'approved']);
  });

  it('counts people who answer at once', async () => {
    const { id } = await approvals.request(demand({ rule: { ...RULE, quorum: 3 } }));
    const votes = await Promise.allSettled(
      [alice, alice, carol, carol, dave].map((voter) => approvals.vote(id, voter, 'approve')),
    );
    expect(votes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect((await approvals.get(id))?.state).toBe('approved');
    expect((await approvals.get(id))?.votes.map((vote) => vote.principal)).toEqual([
      'alice',
      'carol',
      'dave',
    ]);
  });

  it('denies with one voice, whatever others said', async () => {
    const { id } = await approvals.request(demand({ rule: { ...RULE, quorum: 2 } }));
    await approvals.vote(id, alice, 'approve');
    expect((await approvals.vote(id, dave, 'deny', 'not on a Friday')).state).toBe('denied');
    expect((await steps(id)).at(-1)).toEqual({ step: 'denied', by: 'dave', reason: 'not on a Friday' });
    expect(await approvals.claim(id, BINDING)).toBeUndefined();
  });

  it.each<[string, Actor]>([
    ['the requester', actor('report-bot', ['dba'])],
    ['the human it acts for', actor('bob', ['dba'])],
    ['somebody in no group of the rule', actor('mallory', ['support'])],
    ['somebody in no group at all', actor('mallory', [])],
    ['another agent', actor('review-bot', ['dba'], 'Agent')],
    ['a service', actor('cron', ['dba'], 'Service')],
    ['an agent that acts for a reviewer', actor('review-bot', ['dba'], 'Agent', [alice])],
    ['a person who acts for another', actor('zoe', ['dba'], 'Human', [alice])],
  ])('is forbidden to %s', async (_name, voter) => {
    const { id } = await approvals.request(demand());
    await expect(approvals.vote(id, voter, 'approve')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(approvals.vote(id, voter, 'deny', 'no')).rejects.toMatchObject({ code: 'forbidden' });
    expect((await approvals.get(id))?.votes).toEqual([]);
    expect(await steps(id)).toHaveLength(1);
  });

  it('is forbidden to everyone if the rule names no group', async () => {
    const { id } = await approvals.request(demand({ rule: { ...RULE, groups: [] } }));
    await expect(approvals.vote(id, alice, 'approve')).rejects.toMatchObject({ code: 'forbidden' });
  });

  it.each(['', '  ', undefined])('needs a reason to deny, not %j', async (reason) => {
    const { id } = await approvals.request(demand());
    await expect(approvals.vote(id, alice, 'deny', reason)).rejects.toMatchObject({ code: 'bad_request' });
  });

  it.each(['x'.repeat(501), 'red \u001b[31m', 'two\nlines', 'evil \u202etxt'])(
    'refuses the reason %j',
    async (reason) => {
      const { id } = await approvals.request(demand());
      await expect(approvals.vote(id, alice, 'approve', reason)).rejects.toMatchObject({
        code: 'bad_request',
      });
    },
  );

  it('comes too late once the request is settled or overdue', async () => {
    const denied = await approvals.request(demand());
    await approvals.vote(denied.id, alice, 'deny', 'no');
    await expect(approvals.vote(denied.id, dave, 'approve')).rejects.toMatchObject({ code: 'conflict' });
    const overdue = await approvals.request(demand());
    vi.setSystemTime(START + 10 * MINUTE);
    await expect(approvals.vote(overdue.id, alice, 'approve')).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('expired'),
    });
    await expect(approvals.vote('apr_none', alice, 'approve')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('claiming', () => {
  it('works once', async () => {
    const { id } = await granted();
    expect(await approvals.claim(id, BINDING, RULE)).toMatchObject({ id, state: 'used' });
    expect(await approvals.claim(id, BINDING, RULE)).toBeUndefined();
    expect((await steps(id)).at(-1)).toEqual({ step: 'used' });
  });

  it('works once, even if tried many times at once', async () => {
    const { id } = await granted({ holdMode: 'fail' });
    const claims = await Promise.all([
      approvals.claim(id, BINDING),
      approvals.claimGranted(BINDING),
      approvals.claim(id, BINDING),
      approvals.claimGranted(BINDING),
    ]);
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    expect((await steps(id)).filter(({ step }) => step === 'used')).toHaveLength(1);
  });

  it('works once, even if two gateways share the store', async () => {
    const { id } = await granted({ holdMode: 'fail' });
    const other = makeApprovals();
    const claims = await Promise.allSettled([approvals.claim(id, BINDING), other.claim(id, BINDING)]);
    const won = claims.filter((claim) => claim.status === 'fulfilled' && claim.value !== undefined);
    expect(won).toHaveLength(1);
    other.close();
  });

  it.each<[string, Partial<ApprovalBinding>]>([
    ['another parameter', { parameters: ['6', null] }],
    ['another number of parameters', { parameters: ['5'] }],
    ['another principal', { principal: 'other-bot' }],
    ['another human behind it', { onBehalfOf: ['eve'] }],
    ['nobody behind it', { onBehalfOf: [] }],
    ['another database', { database: 'staging' }],
    ['another statement', { astDigests: ['a2'] }],
    ['one more statement', { astDigests: ['a1', 'a1'] }],
  ])('does not work for %s, and the approval stays', async (_name, changes) => {
    const { id } = await granted({ holdMode: 'fail' });
    expect(await approvals.claim(id, { ...BINDING, ...changes })).toBeUndefined();
    expect(await approvals.claimGranted({ ...BINDING, ...changes })).toBeUndefined();
    expect((await approvals.get(id))?.state).toBe('approved');
    expect(await approvals.claimGranted(BINDING)).toMatchObject({ id });
  });

  it('finds that an object has changed, and says so for good', async () => {
    const { id } = await granted();
    expect(await approvals.claim(id, { ...BINDING, objectsDigests: ['o2'] })).toBeUndefined();
    expect((await approvals.get(id))?.state).toBe('drifted');
    expect(await approvals.claim(id, BINDING)).toBeUndefined();
    expect((await steps(id)).at(-1)).toEqual({ step: 'drifted' });
  });

  it('finds that the rule has changed', async () => {
    const { id } = await granted({ holdMode: 'fail' });
    expect(await approvals.claimGranted(BINDING, { ...RULE, quorum: 2 })).toBeUndefined();
    expect((await approvals.get(id))?.state).toBe('drifted');
    const again = await granted({ holdMode: 'fail' });
    const reordered = { ...RULE, groups: ['security', 'dba'], expiresMs: 5 };
    expect(await approvals.claimGranted(BINDING, reordered)).toMatchObject({ id: again.id });
  });

  it('does not give to another session what one waits for', async () => {
    await granted();
    expect(await approvals.claimGranted(BINDING)).toBeUndefined();
  });

  it('gives to any session what none waited for', async () => {
    const { id } = await granted({ holdMode: 'fail' });
    expect(await approvals.claimGranted(BINDING)).toMatchObject({ id, state: 'used' });
    expect(await approvals.claimGranted(BINDING)).toBeUndefined();
  });

  it('comes too late once the time is over', async () => {
    const { id } = await granted({ holdMode: 'fail' });
    vi.setSystemTime(START + 10 * MINUTE);
    expect(await approvals.claim(id, BINDING)).toBeUndefined();
    expect(await approvals.claimGranted(BINDING)).toBeUndefined();
    expect((await approvals.get(id))?.state).toBe('expired');
  });

  it('does not work before anyone approved, nor for what is not there', async () => {
    const { id } = await approvals.request(demand());
    expect(await approvals.claim(id, BINDING)).toBeUndefined();
    expect(await approvals.claim('apr_none', BINDING)).toBeUndefined();
    expect((await approvals.get(id))?.state).toBe('pending');
  });
});

describe('taking back', () => {
  const botForBob = actor('report-bot', [], 'Agent', [actor('bob', [])]);

  it.each([
    ['who asked', botForBob],
    ['for whom it was asked', actor('bob', [])],
  ])('is for %s, tells who waits, and is recorded', async (_who, by) => {
    const { id } = await approvals.request(demand());
    const waiting = approvals.wait(id, never);
    expect((await approvals.withdraw(id, by)).state).toBe('cancelled');
    expect(await waiting).toBe('cancelled');
    expect((await steps(id)).at(-1)).toEqual({ step: 'cancelled', by: by.principal.id });
    await expect(approvals.vote(id, alice, 'approve')).rejects.toMatchObject({ code: 'conflict' });
    await expect(approvals.withdraw(id, by)).rejects.toMatchObject({ code: 'conflict' });
  });

  it.each([
    ['an approver', alice],
    ['the agent for somebody else', actor('report-bot', [], 'Agent', [actor('dave', [])])],
    ['the agent for nobody', actor('report-bot', [], 'Agent')],
    ['another agent of the same person', actor('other-bot', [], 'Agent', [actor('bob', [])])],
  ])('is not for %s', async (_who, by) => {
    const { id } = await approvals.request(demand());
    await expect(approvals.withdraw(id, by)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await approvals.get(id))?.state).toBe('pending');
  });

  it('makes an approval worthless that was given but not used', async () => {
    const { id } = await granted({ holdMode: 'fail' });
    await approvals.withdraw(id, botForBob);
    expect(await approvals.claimGranted(BINDING, RULE)).toBeUndefined();
  });

  it('lets the same be asked again, as a new request', async () => {
    const { id } = await approvals.request(demand({ holdMode: 'fail' }));
    await approvals.withdraw(id, botForBob);
    expect((await approvals.request(demand({ holdMode: 'fail' }))).id).not.toBe(id);
  });
});

describe('a loop that asks again and again', () => {
  it('makes one request, one message and one entry', async () => {
    const told: string[] = [];
    approvals.close();
    approvals = makeApprovals({
      noticesOf: ({ request, revision }) => [
        { target: 'hook', id: `${request.id}_${revision}`, request: request.id, body: '{}' },
      ],
      onChange: ({ id }) => told.push(id),
    });
    const asked = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        approvals.request(demand({ holdMode: 'fail', sessionId: `s${n}` })),
      ),
    );
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
    expect(told).toHaveLength(1);
    expect(await store.notices.count('hook')).toBe(1);
    expect(await steps(asked[0]!.id)).toHaveLength(1);
  });
});

describe('waiting', () => {
  it.each<['approved' | 'denied' | 'cancelled' | 'drifted', (id: string) => Promise<unknown>]>([
    ['approved', (id) => approvals.vote(id, alice, 'approve')],
    ['denied', (id) => approvals.vote(id, alice, 'deny', 'no')],
    ['cancelled', (id) => approvals.cancel(id, 'report-bot')],
  ])('ends with %s', async (answer, act) => {
    const { id } = await approvals.request(demand());
    const waiting = approvals.wait(id, never);
    await act(id);
    expect(await waiting).toBe(answer);
    expect(await approvals.wait(id, never)).toBe(answer);
  });

  it('ends when the time is over, and that is recorded', async () => {
    const { id } = await approvals.request(demand());
    const waiting = approvals.wait(id, never);
    await vi.advanceTimersByTimeAsync(10 * MINUTE - 1);
    expect((await approvals.get(id))?.state).toBe('pending');
    await vi.advanceTimersByTimeAsync(1);
    expect(await waiting).toBe('expired');
    expect((await steps(id)).at(-1)).toEqual({ step: 'expired' });
  });

  it('expires on time although nobody waits or looks', async () => {
    const { id } = await approvals.request(
      demand({ holdMode: 'fail', rule: { ...RULE, expiresMs: 40 * 24 * 3600_000 } }),
    );
    await vi.advanceTimersByTimeAsync(40 * 24 * 3600_000 - 1);
    expect((await store.approvals.byId(id))?.request.state).toBe('pending');
    await vi.advanceTimersByTimeAsync(1);
    await vi.waitFor(
      async () => expect((await store.approvals.byId(id))?.request.state).toBe('expired'),
      PATIENCE,
    );
  });

  it('is cancelled with the client, and so is the request', async () => {
    const { id } = await approvals.request(demand());
    const client = new AbortController();
    const waiting = approvals.wait(id, client.signal);
    client.abort();
    expect(await waiting).toBe('cancelled');
    await expect(approvals.vote(id, alice, 'approve')).rejects.toMatchObject({ code: 'conflict' });
    expect((await steps(id)).at(-1)).toEqual({ step: 'cancelled' });
    const gone = await approvals.request(demand());
    expect(await approvals.wait(gone.id, AbortSignal.abort())).toBe('cancelled');
    expect((await approvals.get(gone.id))?.state).toBe('cancelled');
  });

  it('leaves no approval behind for a client that went away in that moment', async () => {
    const { id } = await approvals.request(demand());
    const client = new AbortController();
    const waiting = approvals.wait(id, client.signal);
    const voted = approvals.vote(id, alice, 'approve');
    client.abort();
    await Promise.allSettled([voted, waiting]);
    await vi.waitFor(async () => expect((await approvals.get(id))?.state).toBe('cancelled'), PATIENCE);
    expect(await approvals.claim(id, BINDING)).toBeUndefined();
  });

  it('is refused for what is not there', async () => {
    await expect(approvals.wait('apr_none', never)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a restart', () => {
  it('cancels what connections waited for, and keeps what agents come back for', async () => {
    const waited = await approvals.request(demand());
    const approvedInTime = await granted({ sessionId: 's2' });
    const pending = await approvals.request(demand({ holdMode: 'fail' }));
    const other = { ...BINDING, parameters: ['other'] };
    const approved = await granted({ holdMode: 'fail', binding: other });
    const waiting = approvals.wait(waited.id, never);
    await restart();
    expect(await waiting).toBe('cancelled');
    const state = async ({ id }: ApprovalRequest) => (await approvals.get(id))?.state;
    expect(await state(waited)).toBe('cancelled');
    expect(await state(approvedInTime)).toBe('cancelled');
    expect((await steps(waited.id)).at(-1)).toMatchObject({
      step: 'cancelled',
      reason: expect.stringContaining('restarted'),
    });
    expect(await state(pending)).toBe('pending');
    expect(await approvals.claimGranted(other)).toMatchObject({ id: approved.id });
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    await vi.waitFor(
      async () => expect((await store.approvals.byId(pending.id))?.request.state).toBe('expired'),
      PATIENCE,
    );
  });

  it('records what expired while nobody was there', async () => {
    const { id } = await approvals.request(demand({ holdMode: 'fail' }));
    approvals.close();
    vi.setSystemTime(START + 11 * MINUTE);
    await restart();
    await vi.advanceTimersByTimeAsync(0);
    await vi.waitFor(
      async () => expect((await store.approvals.byId(id))?.request.state).toBe('expired'),
      PATIENCE,
    );
    expect((await steps(id)).filter(({ step }) => step === 'expired')).toHaveLength(1);
  });

  it('forgets what ended long ago', async () => {
    const { id } = await granted();
    await approvals.claim(id, BINDING);
    vi.setSystemTime(START + 91 * 24 * 60 * MINUTE);
    await restart();
    expect(await approvals.get(id)).toBeUndefined();
  });

  it('takes no requests while it shuts down', async () => {
    const { id } = await approvals.request(demand());
    approvals.close();
    expect(await approvals.wait(id, never)).toBe('cancelled');
    await expect(approvals.request(demand())).rejects.toMatchObject({ code: 'shutting_down' });
  });
});

describe('a ledger that cannot be written', () => {
  const failing = (broken: { now: boolean }): ApprovalsOptions['ledger'] => ({
    append: (event) => {
      if (broken.now) throw new SluiceError('ledger_full', 'the disk is full');
      return ledger.append(event);
    },
    durable: (seq) => ledger.durable(seq),
  });

  it('stops every step before it takes effect', async () => {
    const broken = { now: false };
    approvals = makeApprovals({ ledger: failing(broken) });
    const pending = await approvals.request(demand());
    const approved = await granted({ holdMode: 'fail' });
    broken.now = true;
    const full = { code: 'ledger_full' };
    await expect(approvals.request(demand({ sessionId: 's9' }))).rejects.toMatchObject(full);
    await expect(approvals.vote(pending.id, alice, 'approve')).rejects.toMatchObject(full);
    await expect(approvals.cancel(pending.id)).rejects.toMatchObject(full);
    await expect(approvals.claimGranted(BINDING)).rejects.toMatchObject(full);
    broken.now = false;
    expect(await approvals.get(pending.id)).toEqual(pending);
    expect(await approvals.claimGranted(BINDING)).toMatchObject({ id: approved.id });
    expect(await approvals.list({ limit: 10 })).toHaveLength(2);
  });

  it('does not keep a client that goes away, and tells one whose time is over', async () => {
    const broken = { now: false };
    approvals = makeApprovals({ ledger: failing(broken) });
    const first = await approvals.request(demand());
    const second = await approvals.request(demand({ sessionId: 's2' }));
    const client = new AbortController();
    const leaving = approvals.wait(first.id, client.signal);
    const staying = approvals.wait(second.id, never);
    const told = expect(staying).rejects.toMatchObject({ code: 'ledger_full' });
    broken.now = true;
    client.abort();
    expect(await leaving).toBe('cancelled');
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    await told;
    broken.now = false;
    await vi.advanceTimersByTimeAsync(5000);
    await vi.waitFor(
      async () => expect((await store.approvals.byId(second.id))?.request.state).toBe('expired'),
      PATIENCE,
    );
  });

  it('has each step on disk before anyone sees it', async () => {
    let durable = -1;
    approvals = makeApprovals({
      ledger: {
        append: (event) => ledger.append(event),
        durable: async (seq) => {
          await ledger.durable(seq);
          durable = Math.max(durable, seq);
        },
      },
    });
    const { id } = await approvals.request(demand());
    expect(durable).toBe(ledger.appendedSeq);
    await approvals.vote(id, alice, 'approve');
    expect(durable).toBe(ledger.appendedSeq);
    await approvals.claim(id, BINDING);
    expect(durable).toBe(ledger.appendedSeq);
  });
});

it('lists the newest first, by state as it is now', async () => {
  const first = await approvals.request(demand());
  vi.setSystemTime(START + 1000);
  const second = await approvals.request(
    demand({ sessionId: 's2', rule: { ...RULE, expiresMs: 60 * MINUTE } }),
  );
  const ids = async (filter: Parameters<Approvals['list']>[0]) =>
    (await approvals.list(filter)).map(({ id }) => id);
  expect(await ids({ limit: 10 })).toEqual([second.id, first.id]);
  expect(await ids({ limit: 1 })).toEqual([second.id]);
  vi.setSystemTime(START + 10 * MINUTE);
  expect(await ids({ state: 'pending', limit: 10 })).toEqual([second.id]);
  expect(await ids({ state: 'expired', limit: 10 })).toEqual([first.id]);
});
