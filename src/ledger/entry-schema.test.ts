import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { AskedEvent, LedgerEvent } from '../model/ledger-entry.ts';
import { EntryEncoder } from './entry-encoder.ts';
import { entrySchema, KNOWN_KINDS } from './entry-schema.ts';

const validate = new Ajv2020({ strict: false }).compile(entrySchema());
const form = {
  text: ['SELECT ', ''],
  command: 'SELECT',
  actions: ['Read'],
  relations: ['Read t(a)'],
  decision: 'allow',
  policies: ['p'],
  policyVersion: 'v',
} as const;
const asked: AskedEvent = {
  kind: 'asked',
  session: 's',
  statement: 1,
  form,
  literals: ['1'],
  parameters: [null, 'x'],
  approval: 'apr_1',
};

/** One of each kind, with all it may have. A new kind of event must be added here: the type says so. */
const EVENTS: {
  readonly [kind in Exclude<LedgerEvent['kind'], 'statement'>]: Extract<LedgerEvent, { kind: kind }>;
} = {
  'log-opened': { kind: 'log-opened', schema: 1, version: '1' },
  'log-recovered': { kind: 'log-recovered', tornBytes: 5 },
  'session-opened': {
    ...{
      kind: 'session-opened',
      session: 's',
      principal: 'p',
      principalKind: 'human',
      onBehalfOf: ['b'],
      purpose: 'why',
      token: 't',
    },
    ...{
      database: 'd',
      environment: 'prod',
      client: '::1',
      application: 'psql',
      tls: true,
      certificate: 'c',
      certificateSubject: 'CN=x',
    },
  },
  'budget-exceeded': {
    ...{
      kind: 'budget-exceeded',
      session: 's',
      statement: 1,
      budget: 'b',
      count: 'rows',
      limit: 5,
      windowMs: 6,
    },
    ...{ subject: { principal: 'p', session: 's', database: 'd', label: 'email' }, refillsAt: 7 },
  },
  finding: {
    ...{ kind: 'finding', finding: 'fnd_1', rule: 'relation', principal: 'p', database: 'd', session: 's' },
    ...{ what: 'w', evidence: { seq: 1, at: 2, known: 3, last: 4, value: 5, usual: 6 } },
  },
  'session-tainted': { kind: 'session-tainted', session: 's', by: ['public.reviews.body'], elsewhere: true },
  'taint-cleared': { kind: 'taint-cleared', session: 's', reason: 'r', elsewhere: true },
  'session-closed': { kind: 'session-closed', session: 's', reason: 'done', statements: 3 },
  label: {
    ...{ kind: 'label', step: 'copied', database: 'shop', columns: ['public.c.mail:email'] },
    ...{ from: ['public.customers.email'], by: 'alice', reason: 'r' },
  },
  'session-killed': { kind: 'session-killed', session: 's', door: 'http', by: 'alice', reason: 'r' },
  'authentication-failed': {
    kind: 'authentication-failed',
    user: 'u',
    database: 'd',
    client: '::1',
    code: 'x',
    door: 'http',
    attempts: 3,
  },
  authenticated: {
    ...{ kind: 'authenticated', door: 'http', client: '::1', principal: 'p', onBehalfOf: ['b'] },
    ...{ token: 't', by: 'root' },
  },
  outcome: {
    kind: 'outcome',
    session: 's',
    statement: 1,
    tag: 'SELECT 1',
    rows: 1,
    bytes: 2,
    sqlstate: '00000',
    durationUs: 1.5,
    labels: { email: { masked: 1, unmasked: 1 } },
  },
  grant: {
    ...{ kind: 'grant', grant: 'grt_1', step: 'given', request: 'apr_1', principal: 'p', until: 5, times: 2 },
    ...{ terms: 'a'.repeat(64), right: 'group:dba', session: 's', use: 1, by: 'alice', reason: 'r' },
  },
  approval: {
    kind: 'approval',
    request: 'r',
    step: 'vote',
    by: 'a',
    verdict: 'approve',
    reason: 'ok',
    binding: 'b',
    session: 's',
  },
  'policy-loaded': {
    ...{ kind: 'policy-loaded', version: 'v', files: ['f'], door: 'admin-socket', by: 'root' },
    changes: [{ id: 'p', file: 'f', before: 'permit …;', after: 'forbid …;' }],
  },
  'policy-rejected': { kind: 'policy-rejected', files: ['f'], error: 'e', door: 'signal', by: 'root' },
  'config-loaded': {
    ...{ kind: 'config-loaded', version: 'v', previous: 'u', door: 'start', by: 'root' },
    changes: [
      { path: 'a', before: null, after: 'x' },
      { path: 'b', before: 1 },
      { path: 'c', after: true },
    ],
    pending: ['workers'],
  },
  'config-rejected': { kind: 'config-rejected', error: 'e', door: 'signal', by: 'root' },
  'token-issued': {
    kind: 'token-issued',
    token: 't',
    principal: 'p',
    onBehalfOf: [],
    purpose: 'why',
    expiresAt: 5,
  },
  'token-revoked': { kind: 'token-revoked', token: 't' },
  'audit-read': { kind: 'audit-read', by: 'root', query: 'ledger show' },
  'keys-destroyed': {
    kind: 'keys-destroyed',
    by: 'root',
    keys: ['0123456789ab'],
    database: 'd',
    months: ['2027-01'],
    subjects: ['everyone'],
    reason: 'r',
  },
  'entries-pruned': {
    ...{ kind: 'entries-pruned', by: 'root', run: 'r', entries: 300, bundles: [[0, 7]] },
    parts: [[9, Buffer.alloc(32, 3).toString('base64url')]],
  },
  'hold-placed': {
    ...{
      kind: 'hold-placed',
      hold: 'h',
      by: 'root',
      reason: 'case 7',
      databases: ['d'],
      kinds: ['statement'],
    },
    ...{ principals: ['p'], sessions: ['s'], from: 1, to: 2 },
  },
  'hold-released': { kind: 'hold-released', hold: 'h', by: 'root', reason: 'closed' },
};

const written = (event: LedgerEvent | AskedEvent) =>
  new EntryEncoder(1, undefined).encode(0, 7, event).map(({ text }) => JSON.parse(text));

describe('the published schema', () => {
  it.each([...Object.values(EVENTS), asked])('has $kind as it is written, and nothing more', (event) => {
    for (const entry of written(event)) {
      expect(validate(entry), JSON.stringify(validate.errors)).toBe(true);
      expect(KNOWN_KINDS).toContain(entry.kind);
      expect(validate({ ...entry, surplus: 1 })).toBe(false);
      for (const member of ['at', 'id', 'kind'])
        expect(validate({ ...entry, [member]: undefined })).toBe(false);
    }
  });

  it('has large entries, and lets kinds come', () => {
    const [entry] = written({ kind: 'token-revoked', token: 't'.repeat(100_000) });
    expect(entry).toHaveProperty('part');
    expect(validate(entry)).toBe(true);
    expect(validate({ at: 1, id: '0.1', kind: 'something-new', any: 'thing' })).toBe(true);
    expect(validate({ at: 1, id: '0.1', kind: 'token-revoked', any: 'thing' })).toBe(false);
    expect(validate({ at: 1, id: '00.1', kind: 'something-new' })).toBe(false);
  });
});
