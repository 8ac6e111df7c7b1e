/** What an entry does, in OCSF's words: ids and names of activities. A flat table. */
import type { LedgerEvent } from '../model/ledger-entry.ts';

export interface Activity {
  readonly id: number;
  readonly name: string;
}

export const DATABASE_ACTIVITY = {
  unknown: { id: 0, name: 'Unknown' },
  read: { id: 1, name: 'Read' },
  update: { id: 2, name: 'Update' },
  query: { id: 4, name: 'Query' },
  write: { id: 5, name: 'Write' },
  create: { id: 6, name: 'Create' },
  delete: { id: 7, name: 'Delete' },
} as const satisfies Record<string, Activity>;

/** By the first word of the command. */
const BY_COMMAND: Readonly<Record<string, Activity>> = {
  SELECT: DATABASE_ACTIVITY.query,
  VALUES: DATABASE_ACTIVITY.query,
  TABLE: DATABASE_ACTIVITY.query,
  FETCH: DATABASE_ACTIVITY.query,
  COPY: DATABASE_ACTIVITY.read,
  SHOW: DATABASE_ACTIVITY.read,
  EXPLAIN: DATABASE_ACTIVITY.read,
  INSERT: DATABASE_ACTIVITY.write,
  MERGE: DATABASE_ACTIVITY.write,
  UPDATE: DATABASE_ACTIVITY.update,
  ALTER: DATABASE_ACTIVITY.update,
  DELETE: DATABASE_ACTIVITY.delete,
  TRUNCATE: DATABASE_ACTIVITY.delete,
  DROP: DATABASE_ACTIVITY.delete,
  CREATE: DATABASE_ACTIVITY.create,
};

export function databaseActivity(command: string): Activity {
  const word = command.split(' ', 1)[0]?.toUpperCase() ?? '';
  return BY_COMMAND[word] ?? { id: 99, name: command || 'Other' };
}

const CREATE: Activity = { id: 1, name: 'Create' };
const READ: Activity = { id: 2, name: 'Read' };
const UPDATE: Activity = { id: 3, name: 'Update' };
const DELETE: Activity = { id: 4, name: 'Delete' };

/** Kinds to come, and those that are none of these, are `Other`. */
const BY_KIND: Readonly<Record<string, Activity>> = {
  'audit-read': READ,
  'config-loaded': UPDATE,
  'config-rejected': UPDATE,
  'keys-destroyed': DELETE,
  'policy-loaded': UPDATE,
  'policy-rejected': UPDATE,
  'session-killed': DELETE,
  'token-issued': CREATE,
  'token-revoked': DELETE,
};

export function apiActivity(event: LedgerEvent): Activity {
  if (event.kind === 'approval') return event.step === 'requested' ? CREATE : UPDATE;
  return BY_KIND[event.kind] ?? { id: 99, name: 'Other' };
}
