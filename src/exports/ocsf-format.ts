/**
 * An entry as an event of the Open Cybersecurity Schema Framework: statements and outcomes as Datastore Activity, log-ins as Authentication,
 * all else as API Activity. Whatever OCSF has no place for stands under `unmapped`, as the entry has it. Pure.
 *
 * @see https://schema.ocsf.io/1.5.0/classes/datastore_activity
 */
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { type Activity, apiActivity, DATABASE_ACTIVITY, databaseActivity } from './ocsf-activities.ts';
import type { KnownEntry, SessionContext } from './sinks/sink.ts';

export const OCSF_VERSION = '1.5.0';

type Members = Record<string, unknown>;
type EventOf<Kind extends LedgerEvent['kind']> = Extract<LedgerEvent, { kind: Kind }>;

/** @param version of Sluice */
export function ocsfFormat(known: KnownEntry, version: string): Members {
  const { event } = known.entry;
  switch (event.kind) {
    case 'statement':
      return {
        ...base(known, version, DATASTORE, statementActivity(known)),
        ...statementMembers(known, event),
      };
    case 'outcome':
      return {
        ...base(known, version, DATASTORE, statementActivity(known)),
        ...outcomeMembers(known, event),
      };
    case 'session-opened':
    case 'session-closed':
    case 'authenticated':
    case 'authentication-failed':
      return { ...base(known, version, AUTHENTICATION, logonActivity(event)), ...logonMembers(known, event) };
    default:
      return { ...base(known, version, API, apiActivity(event)), ...apiMembers(known, event) };
  }
}

interface EventClass {
  readonly uid: number;
  readonly name: string;
  readonly category: string;
}

const DATASTORE: EventClass = { uid: 6005, name: 'Datastore Activity', category: 'Application Activity' };
const API: EventClass = { uid: 6003, name: 'API Activity', category: 'Application Activity' };
const AUTHENTICATION: EventClass = {
  uid: 3002,
  name: 'Authentication',
  category: 'Identity & Access Management',
};

const SEVERITIES = ['Unknown', 'Informational', 'Low', 'Medium', 'High'] as const;
const SUCCESS = { status_id: 1, status: 'Success' };
const FAILURE = { status_id: 2, status: 'Failure' };

function base({ entry }: KnownEntry, version: string, of: EventClass, activity: Activity): Members {
  const { seq, id, at, event } = entry;
  const severity = severityOf(event);
  return {
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Sluice', vendor_name: 'Sluice', version },
      uid: id,
      sequence: seq,
      event_code: event.kind,
      log_name: 'ledger',
      original_time: new Date(at).toISOString(),
      ...correlation(event),
      ...(of === DATASTORE ? { profiles: ['security_control'] } : {}),
    },
    time: at,
    severity_id: severity,
    severity: SEVERITIES[severity],
    category_uid: Math.floor(of.uid / 1000),
    category_name: of.category,
    class_uid: of.uid,
    class_name: of.name,
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: of.uid * 100 + activity.id,
    type_name: `${of.name}: ${activity.name}`,
  };
}

function severityOf(event: LedgerEvent): number {
  switch (event.kind) {
    case 'statement':
      return event.decision === 'allow' ? 1 : event.decision === 'hold' ? 2 : 3;
    case 'authentication-failed':
    case 'config-loaded':
    case 'policy-loaded':
    case 'session-killed':
      return 2;
    case 'keys-destroyed':
    case 'log-recovered':
    case 'config-rejected':
    case 'policy-rejected':
      return 3;
    default:
      return 1;
  }
}

/** A statement and its outcome, or all that happens to a request, under one name. */
function correlation(event: LedgerEvent): Members {
  if (event.kind === 'statement' || event.kind === 'outcome')
    return { correlation_uid: `${event.session}/${event.statement}` };
  return event.kind === 'approval' ? { correlation_uid: event.request } : {};
}

function statementActivity({ statement }: KnownEntry): Activity {
  return statement === undefined ? DATABASE_ACTIVITY.unknown : databaseActivity(statement.command);
}

function datastore({ context, statement }: KnownEntry, session: string): Members {
  const [relation] = statement?.relations ?? [];
  // `action relation(column,…)`
  const table = relation === undefined ? undefined : /^\S+ ([^(]+)/.exec(relation)?.[1];
  return {
    actor: actorOf(context, session),
    src_endpoint: endpoint(context?.client),
    dst_endpoint: { svc_name: context?.database ?? 'unknown' },
    database: { name: context?.database ?? 'unknown', type_id: 1, type: 'Relational' },
    ...(table === undefined
      ? { type_id: 1, type: 'Database' }
      : { type_id: 3, type: 'Table', table: { name: table } }),
  };
}

const DISPOSITIONS = {
  allow: {
    action_id: 1,
    action: 'Allowed',
    disposition_id: 1,
    disposition: 'Allowed',
    status_id: 0,
    status: 'Unknown',
  },
  hold: {
    action_id: 99,
    action: 'Held',
    disposition_id: 14,
    disposition: 'Delayed',
    status_id: 0,
    status: 'Unknown',
  },
  deny: { action_id: 2, action: 'Denied', disposition_id: 2, disposition: 'Blocked', ...FAILURE },
} as const;

function statementMembers(known: KnownEntry, event: EventOf<'statement'>): Members {
  const { kind: _, session, text, of, decision, policies, policyVersion, reason, ...rest } = event;
  return {
    ...datastore(known, session),
    ...DISPOSITIONS[decision],
    ...(decision === 'allow' && event.rewritten ? { action_id: 4, action: 'Modified' } : {}),
    query_info: { query_string: text, ...(of === undefined ? { name: rest.command } : { uid: of }) },
    authorizations: policies.map((uid) => ({ decision, policy: { uid, version: policyVersion } })),
    ...(reason === undefined ? {} : { status_detail: reason }),
    unmapped: { ...onBehalf(known.context), ...rest },
  };
}

function outcomeMembers(known: KnownEntry, event: EventOf<'outcome'>): Members {
  const { kind: _, session, sqlstate, durationUs, ...rest } = event;
  return {
    ...datastore(known, session),
    action_id: 1,
    action: 'Allowed',
    disposition_id: 1,
    disposition: 'Allowed',
    ...(sqlstate === undefined ? SUCCESS : { ...FAILURE, status_code: sqlstate }),
    duration: Math.round(durationUs / 1000),
    unmapped: { ...onBehalf(known.context), ...rest, durationUs },
  };
}

type LogonEvent = EventOf<'session-opened' | 'session-closed' | 'authenticated' | 'authentication-failed'>;

function logonActivity({ kind }: LogonEvent): Activity {
  return kind === 'session-closed' ? { id: 2, name: 'Logoff' } : { id: 1, name: 'Logon' };
}

function logonMembers({ context }: KnownEntry, event: LogonEvent): Members {
  const { kind, ...members } = event;
  const failed = kind === 'authentication-failed';
  const named = {
    principal: undefined,
    user: undefined,
    by: undefined,
    database: undefined,
    client: undefined,
    door: undefined,
    session: undefined,
    ...members,
  };
  const uid = named.principal ?? context?.principal ?? (named.user || named.by || 'unknown');
  const client = named.client ?? context?.client;
  return {
    user: userOf(uid, context?.principalKind),
    ...(named.session === undefined ? {} : { session: { uid: named.session } }),
    src_endpoint: endpoint(client),
    service: { name: named.door ?? named.database ?? context?.database ?? 'unknown' },
    ...(failed ? { ...FAILURE, status_code: event.code } : SUCCESS),
    is_remote: !isLocal(client),
    unmapped: members,
  };
}

function apiMembers({ context }: KnownEntry, event: LedgerEvent): Members {
  const { kind, ...members } = event;
  const { by, session, principal } = members as Record<string, unknown>;
  const user = [by, context?.principal, principal].find((one) => typeof one === 'string' && one !== '');
  const failed = kind === 'policy-rejected' || kind === 'config-rejected';
  return {
    actor: {
      app_name: 'Sluice',
      ...(user === undefined ? {} : { user: userOf(user as string, undefined) }),
      ...(typeof session === 'string' ? { session: { uid: session } } : {}),
    },
    api: { operation: operationOf(event), service: { name: 'Sluice' } },
    src_endpoint: context === undefined ? { svc_name: 'Sluice' } : endpoint(context.client),
    ...(failed ? FAILURE : SUCCESS),
    unmapped: members,
  };
}

function operationOf(event: LedgerEvent): string {
  return event.kind === 'approval' ? `approval.${event.step}` : event.kind;
}

function actorOf(context: SessionContext | undefined, session: string): Members {
  return {
    session: { uid: session },
    ...(context === undefined
      ? {}
      : {
          user: userOf(context.principal, context.principalKind),
          ...(context.application === '' ? {} : { app_name: context.application }),
        }),
  };
}

function userOf(uid: string, kind: string | undefined): Members {
  if (kind === undefined) return { uid, name: uid, type_id: 0, type: 'Unknown' };
  return kind === 'Human'
    ? { uid, name: uid, type_id: 1, type: 'User' }
    : { uid, name: uid, type_id: 99, type: kind };
}

function onBehalf(context: SessionContext | undefined): Members {
  if (context === undefined) return {};
  const { onBehalfOf, purpose, environment } = context;
  return { onBehalfOf, environment, ...(purpose === undefined ? {} : { purpose }) };
}

/** `ip:port`, `[ip]:port`, an address alone, or whatever the client is known by. */
function endpoint(client: string | undefined): Members {
  if (client === undefined || client === '') return { name: 'unknown' };
  const [, v6, v4, port] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(client) ?? [];
  const ip = v6 ?? v4 ?? (/^[0-9a-f:]*:[0-9a-f:.]+$|^[0-9.]{7,15}$/i.test(client) ? client : undefined);
  if (ip === undefined) return { name: client };
  return { ip, ...(port === undefined ? {} : { port: Number(port) }) };
}

function isLocal(client: string | undefined): boolean {
  return client === undefined || /^(127\.|\[?::1\]?|local)/.test(client);
}
