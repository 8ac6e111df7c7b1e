/** The shape of OCSF events. tests/compat/exports.test.ts holds them against the published schema. */
import { expect, it } from 'vitest';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { ocsfFormat } from './ocsf-format.ts';
import type { SessionContext } from './sinks/sink.ts';

const CONTEXT: SessionContext = {
  ...{ principal: 'report-bot', principalKind: 'Agent', onBehalfOf: ['bob'], purpose: 'ticket 7' },
  ...{ database: 'shop', environment: 'prod', client: '[2001:db8::7]:5123', application: 'psql' },
};
const STATEMENT = {
  ...{ kind: 'statement', session: 'S', statement: 4, text: 'DELETE FROM t', of: 'h', command: 'DELETE' },
  ...{ actions: ['Delete'], relations: ['Delete public.t(a)'], decision: 'deny', policies: ['p1', 'p2'] },
  ...{ policyVersion: 'v', reason: 'no_deletes' },
} as const satisfies LedgerEvent;

const format = (event: LedgerEvent, context?: SessionContext) =>
  ocsfFormat(
    {
      entry: { seq: 7, id: '1.5', lane: 1, at: 1000, event },
      context,
      statement: { command: 'DELETE', decision: 'deny', relations: ['Delete public.t(a)'] },
    },
    '1.2.3',
  );

it('a statement is a Datastore Activity: who, what, on which table, and what was decided', () => {
  expect(format(STATEMENT, CONTEXT)).toMatchObject({
    ...{ class_uid: 6005, category_uid: 6, activity_id: 7, type_uid: 600507, severity_id: 3, time: 1000 },
    metadata: {
      ...{
        version: '1.5.0',
        uid: '1.5',
        sequence: 7,
        correlation_uid: 'S/4',
        profiles: ['security_control'],
      },
      product: { name: 'Sluice', version: '1.2.3' },
    },
    actor: {
      user: { uid: 'report-bot', type: 'Agent', type_id: 99 },
      session: { uid: 'S' },
      app_name: 'psql',
    },
    src_endpoint: { ip: '2001:db8::7', port: 5123 },
    ...{ database: { name: 'shop' }, table: { name: 'public.t' }, type_id: 3 },
    query_info: { query_string: 'DELETE FROM t', uid: 'h' },
    ...{ action_id: 2, disposition_id: 2, status_id: 2, status_detail: 'no_deletes' },
    authorizations: [
      { decision: 'deny', policy: { uid: 'p1', version: 'v' } },
      { decision: 'deny', policy: { uid: 'p2', version: 'v' } },
    ],
    unmapped: { onBehalfOf: ['bob'], purpose: 'ticket 7', environment: 'prod' },
  });
});

it('an outcome is one too, under the same correlation, with its error and duration', () => {
  const outcome = { kind: 'outcome', session: 'S', statement: 4, rows: 0, bytes: 0 } as const;
  const event = format({ ...outcome, sqlstate: '42501', durationUs: 2600 }, CONTEXT);
  expect(event).toMatchObject({
    ...{ class_uid: 6005, activity_id: 7, status_id: 2, status_code: '42501', duration: 3 },
    metadata: { correlation_uid: 'S/4' },
  });
});

it.each([
  ['127.0.0.1:5', { ip: '127.0.0.1', port: 5 }],
  ['::1', { ip: '::1' }],
  ['10.0.0.9', { ip: '10.0.0.9' }],
  ['local socket', { name: 'local socket' }],
  ['', { name: 'unknown' }],
])('the client %j is the endpoint %j', (client, endpoint) => {
  expect(format(STATEMENT, { ...CONTEXT, client }).src_endpoint).toEqual(endpoint);
});

it('log-ins are Authentication, failures too; all else is API Activity, also what nobody knows yet', () => {
  const failed = {
    kind: 'authentication-failed',
    user: '',
    database: '',
    client: '::1',
    code: 'x',
    door: 'http',
  } as const;
  expect(format(failed)).toMatchObject({
    ...{ class_uid: 3002, activity_id: 1, status_id: 2, status_code: 'x' },
    ...{ user: { uid: 'unknown' }, service: { name: 'http' } },
  });
  expect(format({ kind: 'session-closed', session: 'S', reason: 'r', statements: 1 }, CONTEXT)).toMatchObject(
    {
      ...{ class_uid: 3002, activity_id: 2, status_id: 1, user: { uid: 'report-bot' } },
    },
  );
  expect(format({ kind: 'unheard-of', x: 1 } as unknown as LedgerEvent)).toMatchObject({
    ...{
      class_uid: 6003,
      activity_id: 99,
      type_uid: 600399,
      api: { operation: 'unheard-of' },
      unmapped: { x: 1 },
    },
  });
  expect(
    format({ kind: 'keys-destroyed', by: 'root', keys: [], database: 'd', months: [], subjects: [] }),
  ).toMatchObject({
    ...{ class_uid: 6003, activity_id: 4, severity_id: 3, actor: { user: { uid: 'root' } } },
  });
});
