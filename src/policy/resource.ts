/**
 * What a statement acts on, as Cedar entities. Ids start with the database's name and a slash, so that two databases never
 * share one. Pure.
 */
import type { Database } from '../model/database.ts';
import type { ObjectUse, RelationUse, SettingUse } from '../model/facts.ts';
import type { ColumnLabel, LabelSet } from '../model/labels.ts';
import type { ResourceType } from './action-table.ts';
import type { CedarValueJson, TypeAndId } from './cedar.ts';
import { tierOf } from './environment-tier.ts';

export interface Resource {
  readonly uid: TypeAndId & { readonly type: ResourceType };
  readonly attributes: Record<string, CedarValueJson>;
  /** Everything it is in, all levels at once: the levels between need not be sent then. */
  readonly ancestors: readonly TypeAndId[];
  /** How sentences name it. */
  readonly noun: string;
}

interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

/** `schema.name`; a name without a dot is in no schema. */
function splitName(qualified: string): QualifiedName {
  const dot = qualified.indexOf('.');
  return dot < 0
    ? { schema: '', name: qualified }
    : { schema: qualified.slice(0, dot), name: qualified.slice(dot + 1) };
}

function within(database: Database, schema: string): TypeAndId[] {
  const root = { type: 'Database', id: database.name };
  return schema === '' ? [root] : [{ type: 'Schema', id: `${database.name}/${schema}` }, root];
}

export function databaseResource(database: Database): Resource {
  const { name, environment, engine } = database;
  return {
    uid: { type: 'Database', id: name },
    attributes: { name, environment, tier: tierOf(environment), engine },
    ancestors: [],
    noun: `database ${name}`,
  };
}

export function tableResource(database: Database, use: RelationUse, labels: LabelSet): Resource {
  const { schema, name } = splitName(use.relation);
  const held = new Set(labels.ofRelation(use.relation).flatMap(({ label, trace }) => (trace ? [] : [label])));
  return {
    uid: { type: 'Table', id: `${database.name}/${use.relation}` },
    attributes: {
      schema,
      name,
      known: use.known,
      system: use.system,
      temporary: use.temporary,
      labels: [...held].sort(),
    },
    ancestors: within(database, schema),
    noun: use.relation,
  };
}

export function columnResource(database: Database, column: ColumnLabel): Resource {
  const { schema, name: table } = splitName(column.relation);
  const id = `${database.name}/${column.relation}`;
  return {
    uid: { type: 'Column', id: `${id}.${column.column}` },
    attributes: { schema, table, name: column.column, label: column.label },
    ancestors: [{ type: 'Table', id }, ...within(database, schema)],
    noun: `${column.relation}.${column.column}`,
  };
}

export function routineResource(database: Database, qualified: string): Resource {
  const { schema, name } = splitName(qualified);
  return {
    uid: { type: 'Routine', id: `${database.name}/${qualified}` },
    attributes: { schema, name },
    ancestors: within(database, schema),
    noun: `function ${qualified}`,
  };
}

export function objectResource(database: Database, use: ObjectUse): Resource {
  const { schema, name } = use.type === 'schema' ? { schema: use.name, name: use.name } : splitName(use.name);
  return {
    uid: { type: 'Object', id: `${database.name}/${use.type}/${use.name}` },
    attributes: { type: use.type, schema, name },
    ancestors: within(database, schema),
    noun: use.name === '' ? use.type : `${use.type} ${use.name}`,
  };
}

export function settingResource(database: Database, use: SettingUse): Resource {
  return {
    uid: { type: 'Setting', id: `${database.name}/${use.name}` },
    attributes: { name: use.name, local: use.local, ...(use.value === null ? {} : { value: use.value }) },
    ancestors: within(database, ''),
    noun: `setting ${use.name}`,
  };
}
