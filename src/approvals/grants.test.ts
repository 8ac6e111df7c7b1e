import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readApproval } from '../config/approval-text.ts';
import { Ledger } from '../ledger/ledger.ts';
import { readEntries } from '../ledger/read-entries.ts';
import type { ApprovalBinding } from '../model/approval.ts';
import type { GrantTerms, ShapeGrant, ShapeUse } from '../model/grant.ts';
import type { Actor, PrincipalKind } from '../model/principal.ts';
import { openStore, type Store } from '../store/store.ts';
import { type ApprovalDemand, Approvals } from './approvals.ts';
import { Grants } from './grants.ts';

const START = Date.parse('2026-01-01T12:00:00Z');
const HOUR = 3_600_000;
const RULE = readApproval('groups=dba');

let directory: string;
let ledger: Ledger;
let store: Store;
let grants: Grants;
let approvals: Approvals;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: START });
  directory = mkdtempSync(join(tmpdir(), 'sluice-grants-'));
  ledger = await Ledger.open({ directory: join(directory, 'ledger') });
  store = await openStore(join(directory, 'store.db'));
  open();
});

afterEach(async () => {
  approvals.close();
  grants.close();
  await store.close();
  await ledger.close();
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

function open(): void {
  grants = new Grants({ store: store.grants, ledger, now: Date.now });
  const limits = { maxPending: 100, maxPendingPerPrincipal: 10 };
  approvals = new Approvals({ store: store.approvals, grants, ledger, now: Date.now, ...limits });
}

const BINDING: ApprovalBinding = {
  ...{ principal: 'report-bot', onBehalfOf: ['bob'], database: 'shop' },
  ...{ astDigests: ['a1'], parameters: ['5'], objectsDigests: ['o1'] },
};
const SHAPE = { digest: 'f00d', literals: ['paid'] };
const TERMS: GrantTerms = {
  ...{ times: 3, forMs: 2 * HOUR },
  parameters: [{ from: '1', to: '500' }],
  literals: [{ oneOf: ['paid', 'open'] }],
};
const USE: ShapeUse = {
  ...{ principal: 'report-bot', onBehalfOf: ['bob'], database: 'shop', shape: 'f00d' },
  ...{ objectsDigests: ['o1'], parameters: ['7'], literals: ['open'], session: 's2' },
};

function demand(changes: Partial<ApprovalDemand> = {}): ApprovalDemand {
  return {
    ...{ binding: BINDING, sessionId: 's1', holdMode: 'fail', statement: 'UPDATE t', facts: [], rule: RULE },
    ...{ policies: [{ id: 'p', effect: 'forbid' }], policyVersion: 'v1', shape: SHAPE },
    ...changes,
  };
}

function actor(id: string, groups: readonly string[], kind: PrincipalKind = 'Human'): Actor {
  return { principal: { id, kind, groups }, onBehalfOf: [] };
}
const alice = actor('alice', ['dba']);
const anna = actor('anna', ['dba']);

async function given(terms = TERMS, changes: Partial<ApprovalDemand> = {}): Promise<string> {
  const { id } = await approvals.request(demand(changes));
  return (await approvals.voteToGrant(id, alice, terms)).grant as string;
}

async function steps(id: string) {
  await ledger.durable(ledger.appendedSeq);
  const found = [];
  for await (const { event } of readEntries(join(directory, 'ledger')))
    if (event.kind === 'grant' && event.grant === id) found.push(event);
  return found;
}

const PATIENCE = { timeout: 25_000 };
const used = async (id: string) => ((await grants.get(id)) as ShapeGrant).used;

describe('a grant', () => {
  it('is given with the approval, which counts as its first use, and each use is recorded', async () => {
    const id = await given();
    expect(id).toMatch(/^grt_[0-9a-hjkmnp-tv-z]{10}$/);
    expect(await approvals.claimGranted(BINDING, RULE)).toMatchObject({ state: 'used', grant: id });
    expect(await grants.use(USE, RULE)).toEqual({ id });
    expect(await grants.use({ ...USE, parameters: ['500'] }, RULE)).toEqual({ id });
    expect(await grants.use(USE, RULE)).toBeUndefined();
    expect((await grants.get(id))?.state).toBe('used-up');
    const until = START + 2 * HOUR;
    expect(await steps(id)).toMatchObject([
      {
        step: 'given',
        principal: 'report-bot',
        until,
        times: 3,
        terms: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      { step: 'used', session: 's2', use: 2 },
      { step: 'used', use: 3 },
      { step: 'used-up' },
    ]);
  });

  it('is counted exactly, however many ask at once and however many gateways share the store', async () => {
    const id = await given({ ...TERMS, times: 21 });
    const other = new Grants({ store: store.grants, ledger, now: Date.now });
    const tries = Array.from({ length: 60 }, (_, index) => (index % 2 ? grants : other).use(USE, RULE));
    const won = (await Promise.allSettled(tries)).filter(
      (one) => one.status === 'fulfilled' && one.value !== undefined,
    ).length;
    expect(won).toBeLessThanOrEqual(20);
    let rest = 0;
    while ((await grants.use(USE, RULE)) !== undefined) rest += 1;
    expect(won + rest).toBe(20);
    expect(await used(id)).toBe(21);
    other.close();
  });

  it.each<[string, Partial<ShapeUse>]>([
    ['a parameter out of bounds', { parameters: ['501'] }],
    ['a parameter that is no number', { parameters: ['7 '] }],
    ['NULL', { parameters: [null] }],
    ['no parameter', { parameters: [] }],
    ['one more parameter', { parameters: ['7', '7'] }],
    ['a literal out of bounds', { literals: ['void'] }],
    ['one more literal', { literals: ['open', 'open'] }],
    ['another shape', { shape: 'beef' }],
    ['another principal', { principal: 'other-bot' }],
    ['another human behind it', { onBehalfOf: ['eve'] }],
    ['nobody behind it', { onBehalfOf: [] }],
    ['another database', { database: 'staging' }],
    ['a changed table', { objectsDigests: ['o2'] }],
  ])('does not hold for %s', async (_what, changes) => {
    const id = await given();
    expect(await grants.use({ ...USE, ...changes }, RULE)).toBeUndefined();
    expect(await used(id)).toBe(1);
    expect(await grants.use(USE, RULE)).toEqual({ id });
  });

  it('does not hold under another rule', async () => {
    await given();
    expect(await grants.use(USE, readApproval('groups=dba; quorum=2'))).toBeUndefined();
  });

  it('ends on time, and that is recorded', async () => {
    const id = await given();
    vi.setSystemTime(START + 2 * HOUR);
    expect(await grants.use(USE, RULE)).toBeUndefined();
    expect((await steps(id)).at(-1)).toMatchObject({ step: 'expired' });
  });

  it('ends on time after a restart, too', async () => {
    const id = await given();
    grants.close();
    approvals.close();
    open();
    await grants.recover();
    expect(await grants.use(USE, RULE)).toEqual({ id });
    await vi.advanceTimersByTimeAsync(2 * HOUR);
    await vi.waitFor(
      async () => expect((await steps(id)).at(-1)).toMatchObject({ step: 'expired' }),
      PATIENCE,
    );
  });

  it('holds only at the times of its rule', async () => {
    const rule = readApproval('groups=dba; expires=1d; run=13:00-14:00');
    const id = await given(TERMS, { rule });
    expect(await grants.use(USE, rule)).toEqual({ id, only: expect.stringContaining('13:00-14:00') });
    expect(await steps(id)).toMatchObject([{ step: 'given' }]);
    vi.setSystemTime(START + HOUR);
    expect(await grants.use(USE, rule)).toEqual({ id });
  });

  it.each<[string, Actor]>([
    ['whoever gave it', alice],
    ['another who may give it', anna],
    ['the human behind it', actor('bob', [])],
    ['whoever has it', { ...actor('report-bot', [], 'Agent'), onBehalfOf: [actor('bob', []).principal] }],
  ])('is taken back by %s', async (_who, by) => {
    const id = await given();
    expect(await grants.revoke(id, by, 'enough')).toMatchObject({
      state: 'revoked',
      revoked: { by: by.principal.id, reason: 'enough' },
    });
    expect(await grants.use(USE, RULE)).toBeUndefined();
    expect((await steps(id)).at(-1)).toMatchObject({ step: 'revoked', by: by.principal.id });
    await expect(grants.revoke(id, by)).rejects.toMatchObject({ code: 'conflict' });
  });

  it.each<[string, Actor]>([
    ['a stranger', actor('mallory', ['support'])],
    ['an agent in the group', actor('review-bot', ['dba'], 'Agent')],
    ['the same agent for another', actor('report-bot', [], 'Agent')],
  ])('is not taken back by %s', async (_who, by) => {
    const id = await given();
    await expect(grants.revoke(id, by)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await grants.use(USE, RULE)).toEqual({ id });
  });
});

describe('terms', () => {
  it.each<[string, Partial<GrantTerms>]>([
    ['once', { times: 1 }],
    ['a year of times', { times: 10_001 }],
    ['half a time', { times: 2.5 }],
    ['half a row', { maxRows: 0.5 }],
    ['less than no row', { maxRows: -1 }],
    ['no time', { forMs: 0 }],
    ['31 days', { forMs: 31 * 24 * HOUR }],
    ['bounds that leave out the request itself', { parameters: [{ from: '6', to: '9' }] }],
    ['too few bounds', { literals: [] }],
  ])('cannot be for %s', async (_what, changes) => {
    const { id } = await approvals.request(demand());
    await expect(approvals.voteToGrant(id, alice, { ...TERMS, ...changes })).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect((await approvals.get(id))?.state).toBe('pending');
  });

  it('need a shape', async () => {
    const { shape: _, ...shapeless } = demand();
    const { id } = await approvals.request(shapeless);
    await expect(approvals.voteToGrant(id, alice, TERMS)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('limit rows only where they can be counted', async () => {
    const facts = { command: 'CALL', opaque: [] } as unknown as ApprovalDemand['facts'][number];
    const { id } = await approvals.request(demand({ facts: [facts] }));
    const limited = { ...TERMS, maxRows: 5 };
    await expect(approvals.voteToGrant(id, alice, limited)).rejects.toMatchObject({ code: 'bad_request' });
    const plain = await approvals.request(
      demand({ facts: [{ ...facts, command: 'UPDATE' }], binding: { ...BINDING, astDigests: ['a2'] } }),
    );
    const { grant } = await approvals.voteToGrant(plain.id, alice, limited);
    expect(await grants.use(USE, RULE)).toEqual({ id: grant, maxRows: 5 });
  });

  it('are none where each statement has to be previewed', async () => {
    const { id } = await approvals.request(demand({ rule: { ...RULE, previewRequired: true } }));
    await expect(approvals.voteToGrant(id, alice, TERMS)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('are for those who may answer', async () => {
    const { id } = await approvals.request(demand());
    for (const who of [actor('report-bot', ['dba']), actor('bob', ['dba']), actor('eve', [])])
      await expect(approvals.voteToGrant(id, who, TERMS)).rejects.toMatchObject({ code: 'forbidden' });
  });

  const TWO = readApproval('groups=dba; quorum=2');

  it('need as many people as the rule says, who all say the same', async () => {
    const { id } = await approvals.request(demand({ rule: TWO }));
    expect(await approvals.voteToGrant(id, alice, TERMS)).toMatchObject({ state: 'pending' });
    expect(await grants.use(USE, TWO)).toBeUndefined();
    const { grant } = await approvals.voteToGrant(id, anna, { ...TERMS });
    expect(await grants.get(grant as string)).toMatchObject({ grantedBy: ['alice', 'anna'] });
    expect(await grants.use(USE, TWO)).toEqual({ id: grant });
  });

  it.each<[string, GrantTerms | undefined]>([
    ['other terms', { ...TERMS, times: 2 }],
    ['the one statement', undefined],
  ])('on which people do not agree are an approval of the one statement: %s', async (_what, terms) => {
    const { id } = await approvals.request(demand({ rule: TWO }));
    await approvals.voteToGrant(id, alice, TERMS);
    const request = await (terms === undefined
      ? approvals.vote(id, anna, 'approve')
      : approvals.voteToGrant(id, anna, terms));
    expect(request).toMatchObject({ state: 'approved' });
    expect(request.grant).toBeUndefined();
    expect(await grants.use(USE, TWO)).toBeUndefined();
    expect(await approvals.claimGranted(BINDING, TWO)).toMatchObject({ id });
  });
});
