/** A published ledger with a bit of everything in it, for tests of what hands it on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { AskedEvent, LedgerEvent, StatementForm } from '../../src/model/ledger-entry.ts';
import { publishLedger } from './published-ledger.ts';

export interface ExportedLedger {
  readonly dataDir: string;
  readonly directory: string;
  /** Appends and publishes. */
  add(...events: (LedgerEvent | AskedEvent)[]): Promise<void>;
  /** Deletes it. */
  remove(): void;
}

export function makeExportedLedger(): ExportedLedger {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-exports-'));
  const directory = join(dataDir, 'ledger');
  return {
    dataDir,
    directory,
    add: async (...events) => {
      const ledger = await Ledger.open({ directory, version: '1' });
      for (const event of events) ledger.append(event);
      await ledger.close();
      await publishLedger(directory);
    },
    remove: () => rmSync(dataDir, { recursive: true }),
  };
}

export const opened = (session: string, more: Partial<LedgerEvent> = {}): LedgerEvent =>
  ({
    ...{
      kind: 'session-opened',
      session,
      principal: 'report-bot',
      principalKind: 'Agent',
      onBehalfOf: ['bob'],
    },
    ...{ purpose: 'ticket 7', database: 'shop', environment: 'prod', client: '10.0.0.7:5123', tls: true },
    ...{ application: 'psql', ...more },
  }) as LedgerEvent;

const FORM: StatementForm = {
  ...{ text: ['SELECT email FROM customers WHERE id = ', ''], command: 'SELECT', actions: ['Read'] },
  ...{
    relations: ['Read public.customers(email,id)'],
    decision: 'allow',
    policies: ['reads'],
    policyVersion: 'v1',
  },
  ...{ masked: ['public.customers.email:email'], rewritten: true },
};

export const asked = (session: string, statement: number, more: Partial<StatementForm> = {}): AskedEvent => ({
  ...{ kind: 'asked', session, statement, literals: [String(statement)] },
  form: { ...FORM, ...more },
});

export const outcome = (session: string, statement: number, sqlstate?: string): LedgerEvent => ({
  ...{ kind: 'outcome', session, statement, rows: 1, bytes: 20, durationUs: 1500 },
  ...(sqlstate === undefined ? { tag: 'SELECT 1' } : { sqlstate }),
});

/** One entry of every kind that has a mapping of its own, and one of a kind to come. */
export const VARIETY: readonly (LedgerEvent | AskedEvent)[] = [
  opened('S1'),
  asked('S1', 1),
  outcome('S1', 1),
  asked('S1', 2, { command: 'DELETE', decision: 'deny', reason: 'no_deletes', policies: ['never'] }),
  asked('S1', 3, { command: 'CREATE TABLE', decision: 'hold', relations: [] }),
  outcome('S1', 3, '42P07'),
  {
    kind: 'authentication-failed',
    user: 'mallory',
    database: 'shop',
    client: '[::1]:9',
    code: 'auth_failed',
  },
  { kind: 'authenticated', door: 'http', client: '10.0.0.9', principal: 'alice', onBehalfOf: [], token: 't' },
  { kind: 'approval', request: 'apr_1', step: 'requested', session: 'S1' },
  { kind: 'approval', request: 'apr_1', step: 'vote', by: 'alice', verdict: 'approve' },
  { kind: 'policy-loaded', version: 'v1', files: ['a.cedar'], door: 'start', changes: [] },
  { kind: 'policy-rejected', files: ['a.cedar'], error: 'a.cedar:1: no', door: 'signal' },
  { kind: 'config-rejected', error: 'sluice.yaml:3: no', door: 'admin-socket', by: 'root' },
  { kind: 'config-loaded', version: 'c', door: 'start', changes: [{ path: 'workers', after: 2 }] },
  { kind: 'token-issued', token: 't', principal: 'alice', onBehalfOf: [], expiresAt: 1 },
  { kind: 'token-revoked', token: 't' },
  { kind: 'audit-read', by: 'root', query: 'ledger show' },
  { kind: 'keys-destroyed', by: 'root', keys: ['0123456789ab'], database: 'shop', months: [], subjects: [] },
  { kind: 'session-killed', session: 'S1', door: 'http', by: 'alice' },
  { kind: 'log-recovered', tornBytes: 3 },
  { kind: 'something-new', about: 'what nobody knows' } as unknown as LedgerEvent,
  { kind: 'session-closed', session: 'S1', reason: 'client left', statements: 3 },
];
