/** Actors, databases and facts for tests. Not part of the gateway. */
import { readdirSync, readFileSync } from 'node:fs';
import { createLabelSet } from '../../src/masking/label-set.ts';
import type { Database } from '../../src/model/database.ts';
import type { Action, Facts, ObjectUse, RelationUse } from '../../src/model/facts.ts';
import type { LabelSet } from '../../src/model/labels.ts';
import type { Actor, Principal } from '../../src/model/principal.ts';
import { loadPolicies, type PolicySet } from '../../src/policy/load.ts';

export const ALICE: Principal = { id: 'alice', kind: 'Human', groups: ['dba'] };
export const BOB: Principal = { id: 'bob', kind: 'Human', groups: ['support'] };
export const REPORT_BOT: Principal = { id: 'report-bot', kind: 'Agent', groups: ['agents'] };
export const BILLING: Principal = { id: 'billing', kind: 'Service', groups: [] };
export const MIGRATOR: Principal = { id: 'migrator', kind: 'Service', groups: ['migrations'] };

export const actor = (principal: Principal, ...onBehalfOf: Principal[]): Actor => ({ principal, onBehalfOf });

export const database = (environment: string, name = 'shop'): Database => ({
  name,
  environment,
  engine: 'postgres',
});

/** A relation use of a known, permanent table unless said otherwise. */
export function use(action: Action, relation: string, more: Partial<RelationUse> = {}): RelationUse {
  return {
    relation,
    action,
    known: true,
    system: false,
    temporary: false,
    reads: [],
    filters: [],
    writes: [],
    ...more,
  };
}

export const object = (action: Action, type: string, name: string): ObjectUse => ({ action, type, name });

/** Labelled columns written as `schema.table.column: label`. */
export function labelled(columns: Readonly<Record<string, string>>): LabelSet {
  return createLabelSet({
    columns: Object.entries(columns).map(([path, label]) => {
      const dot = path.lastIndexOf('.');
      return { relation: path.slice(0, dot), column: path.slice(dot + 1), label };
    }),
  });
}

/** Facts of a statement; actions are those of its relations and objects unless said otherwise. */
export function facts(command: string, more: Partial<Facts> = {}): Facts {
  const uses = [...(more.relations ?? []), ...(more.objects ?? [])];
  return {
    command,
    actions: [...new Set(uses.map((one) => one.action))],
    relations: [],
    objects: [],
    functions: [],
    settings: [],
    bounded: true,
    writes: false,
    changesCatalog: false,
    transaction: 'none',
    opaque: [],
    ...more,
  };
}

/** The shipped policies. */
export function shippedPolicies(): PolicySet {
  const folder = new URL('../../policies/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.cedar'));
  return loadPolicies(
    files
      .sort()
      .map((file) => ({ file: `policies/${file}`, text: readFileSync(new URL(file, folder), 'utf8') })),
  );
}
