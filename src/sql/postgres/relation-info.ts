/**
 * What the catalog says of one relation. Built from the JSON rows of `relationsQuery`; columns and constraints are decoded
 * when first asked for, so that a snapshot of ten thousand relations stays small.
 */
import { createHash } from 'node:crypto';
import type { RelationId } from '../../model/facts.ts';

export type RelationKind =
  | 'table'
  | 'partitioned-table'
  | 'view'
  | 'materialized-view'
  | 'foreign-table'
  | 'sequence';

const KINDS: Readonly<Record<string, RelationKind>> = {
  r: 'table',
  p: 'partitioned-table',
  v: 'view',
  m: 'materialized-view',
  f: 'foreign-table',
  S: 'sequence',
};

export interface ColumnInfo {
  readonly name: string;
  /** 1-based; has gaps where columns were dropped. */
  readonly attnum: number;
  readonly typeOid: number;
  /** -1 if there is none. */
  readonly typmod: number;
  /** `character varying(20)`, only if there is a type modifier. */
  readonly typeText: string | undefined;
  readonly notNull: boolean;
  /** `''`, `s` (stored) or `v` (virtual). */
  readonly generated: string;
  /** Schema and name, if it is not the default collation of its type. */
  readonly collation: readonly [string, string] | undefined;
  /** The attnums a generated column is computed from. */
  readonly computedFrom: readonly number[];
}

export interface ConstraintInfo {
  readonly name: string;
  /** primary key, unique, check, exclusion, foreign key */
  readonly kind: 'p' | 'u' | 'c' | 'x' | 'f';
  readonly columns: readonly number[];
  /** Of foreign keys. */
  readonly references: ForeignKey | undefined;
}

export interface ForeignKey {
  readonly oid: number;
  readonly columns: readonly number[];
  /** What happens when the referenced row is changed or deleted: no action, restrict, cascade, set null, set default. */
  readonly onUpdate: 'a' | 'r' | 'c' | 'n' | 'd';
  readonly onDelete: 'a' | 'r' | 'c' | 'n' | 'd';
}

/** A row security policy; `columns` are those it looks at. */
export interface PolicyInfo {
  readonly name: string;
  readonly columns: readonly number[];
}

/** A unique (or exclusion) index; `columns` are the attnums in its keys, expressions and predicate. */
export interface UniqueIndexInfo {
  readonly name: string;
  readonly columns: readonly number[];
}

/** Any index; attnums throughout. */
export interface IndexInfo {
  readonly oid: number;
  /** Plain columns by which it is ordered, in order, up to the first expression. */
  readonly leading: readonly number[];
  /** Everything that decides where an entry stands or whether there is one: keys, what expressions and the predicate mention. */
  readonly deciding: readonly number[];
  /** What an entry holds as it is. */
  readonly stored: readonly number[];
  readonly isPartial: boolean;
  /** False if scans of it yield rows as they lie in the table. */
  readonly isOrdered: boolean;
}

export interface TriggerInfo {
  readonly name: string;
  readonly functionOid: number;
  /** `pg_trigger.tgtype` as it is. */
  readonly type: number;
  readonly enabled: boolean;
}

type Row = readonly [
  oid: number,
  kind: string,
  schema: string,
  name: string,
  persistence: string,
  rowSecurity: number,
  isPartition: number,
  columns: readonly ColumnRow[] | null,
  constraints: readonly ConstraintRow[] | null,
  uniqueIndexes: readonly (readonly [string, number, number[], number[] | null])[] | null,
  parents: readonly number[] | null,
  triggers: readonly (readonly [string, number, number, string])[] | null,
  rules: readonly string[] | null,
  definitionDigest: string | null,
  reads: readonly (readonly number[] | null)[] | null,
  policies: readonly (readonly [string, string, string, number[] | null])[] | null,
  partitionKey?: readonly number[] | null,
  indexes?: readonly IndexRow[] | null,
];
type IndexRow = readonly [
  oid: number,
  keyCount: number,
  columns: readonly number[],
  mentioned: readonly number[] | null,
  isPartial: number,
  method: string,
];
/** Where they stand in a row. */
const INDEXES = 17;

type ColumnRow = readonly [
  string,
  number,
  number,
  number,
  string | null,
  number,
  string,
  readonly [string, string] | null,
  readonly number[] | null,
];
type ConstraintRow = readonly [
  name: string,
  kind: ConstraintInfo['kind'],
  columns: number[] | null,
  referenced: number,
  referencedColumns: number[] | null,
  digest: string,
  onUpdate: ForeignKey['onUpdate'],
  onDelete: ForeignKey['onDelete'],
];

/** Every table has these; views and sequences do not, but asking for them costs nothing. */
export const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  'tableoid',
  'xmin',
  'cmin',
  'xmax',
  'cmax',
  'ctid',
]);

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema']);

export class RelationInfo {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly id: RelationId;
  readonly kind: RelationKind;
  readonly temporary: boolean;
  readonly system: boolean;
  /** Inheritance parents, or the partitioned table. */
  readonly parents: readonly number[];
  readonly isPartition: boolean;
  /** The columns that decide in which partition a row is; empty if it is not partitioned. */
  readonly partitionKey: readonly number[];
  readonly rowSecurity: boolean;
  /** Names of rules other than a view's own. */
  readonly rules: readonly string[];
  readonly triggers: readonly TriggerInfo[];
  /** Oids of the relations that its rules mention: a view's definition reads them. */
  readonly reads: readonly number[];
  /** Oids of the relations that its foreign keys refer to. */
  readonly referenced: readonly number[];
  /** The row as read: equal texts mean equal definitions. */
  readonly source: string;
  #details: Details | undefined;
  #digest: string | undefined;

  /** @param source a row of `relationsQuery` */
  constructor(source: string) {
    const row = JSON.parse(source) as Row;
    [this.oid, , this.schema, this.name] = row;
    this.id = relationId(this.schema, this.name);
    this.kind = KINDS[row[1]] ?? 'table';
    this.temporary = row[4] === 't';
    this.system = SYSTEM_SCHEMAS.has(this.schema);
    this.rowSecurity = row[5] === 1;
    this.isPartition = row[6] === 1;
    this.partitionKey = row[16] ?? NOTHING;
    this.parents = row[10] ?? NOTHING;
    this.triggers = (row[11] ?? NOTHING).map(([name, functionOid, type, enabled]) => ({
      name,
      functionOid,
      type,
      enabled: enabled !== 'D',
    }));
    this.rules = row[12] ?? NOTHING;
    this.referenced = referencedBy(row);
    this.reads = readsOf(row);
    this.source = source;
  }

  get columns(): readonly ColumnInfo[] {
    return this.#decoded().columns;
  }

  get constraints(): readonly ConstraintInfo[] {
    return this.#decoded().constraints;
  }

  get uniqueIndexes(): readonly UniqueIndexInfo[] {
    return this.#decoded().uniqueIndexes;
  }

  get indexes(): readonly IndexInfo[] {
    return this.#decoded().indexes;
  }

  get policies(): readonly PolicyInfo[] {
    return this.#decoded().policies;
  }

  column(name: string): ColumnInfo | undefined {
    return this.#decoded().byName.get(name);
  }

  /** The names of those attnums; unknown ones are left out. */
  columnNames(attnums: readonly number[]): string[] {
    return this.columns.filter(({ attnum }) => attnums.includes(attnum)).map(({ name }) => name);
  }

  /** Hex SHA-256 of its definition, without indexes that promise nothing: those make a statement no other one. */
  get digest(): string {
    this.#digest ??= createHash('sha256')
      .update(JSON.stringify((JSON.parse(this.source) as Row).slice(0, INDEXES)))
      .digest('hex');
    return this.#digest;
  }

  #decoded(): Details {
    this.#details ??= detailsOf(JSON.parse(this.source) as Row);
    return this.#details;
  }
}

interface Details {
  readonly columns: readonly ColumnInfo[];
  readonly byName: ReadonlyMap<string, ColumnInfo>;
  readonly constraints: readonly ConstraintInfo[];
  readonly uniqueIndexes: readonly UniqueIndexInfo[];
  readonly indexes: readonly IndexInfo[];
  readonly policies: readonly PolicyInfo[];
}

const NOTHING: readonly never[] = [];

/** `schema.name`, as `RelationId` wants it. */
export function relationId(schema: string, name: string): RelationId {
  return `${schema}.${name}`;
}

function referencedBy(row: Row): readonly number[] {
  const oids = (row[8] ?? NOTHING).flatMap(([, kind, , oid]) => (kind === 'f' ? [oid] : []));
  return oids.length === 0 ? NOTHING : [...new Set(oids)];
}

function readsOf(row: Row): readonly number[] {
  if (row[14] === null) return NOTHING;
  const oids = new Set<number>();
  for (const action of row[14])
    for (const oid of action ?? NOTHING) if (oid !== row[0] && oid !== 0) oids.add(oid);
  return [...oids];
}

function detailsOf(row: Row): Details {
  const columns = (row[7] ?? NOTHING).map(columnOf);
  return {
    columns,
    byName: new Map(columns.map((column) => [column.name, column])),
    constraints: (row[8] ?? NOTHING).map(constraintOf),
    policies: (row[15] ?? NOTHING).map(([name, , , mentioned]) => ({ name, columns: mentioned ?? NOTHING })),
    indexes: (row[INDEXES] ?? NOTHING).map(indexOf),
    uniqueIndexes: (row[9] ?? NOTHING).map(([name, , keys, mentioned]) => ({
      name,
      columns: [...new Set([...keys.filter((attnum) => attnum > 0), ...(mentioned ?? NOTHING)])],
    })),
  };
}

function constraintOf(row: ConstraintRow): ConstraintInfo {
  const [name, kind, keys, oid, referenced, , onUpdate, onDelete] = row;
  return {
    name,
    kind,
    columns: keys ?? NOTHING,
    references: kind === 'f' ? { oid, columns: referenced ?? NOTHING, onUpdate, onDelete } : undefined,
  };
}

/** Bitmaps, which is all that these are read by, come in the order of the table. */
const UNORDERED: ReadonlySet<string> = new Set(['gin', 'brin']);

function indexOf([oid, keyCount, columns, mentioned, isPartial, method]: IndexRow): IndexInfo {
  const keys = columns.slice(0, keyCount);
  const expression = keys.indexOf(0);
  return {
    oid,
    leading: method !== 'btree' ? NOTHING : expression < 0 ? keys : keys.slice(0, expression),
    deciding: [...new Set([...keys, ...(mentioned ?? NOTHING)])].filter((attnum) => attnum > 0),
    stored: columns.filter((attnum) => attnum > 0),
    isPartial: isPartial === 1,
    isOrdered: !UNORDERED.has(method),
  };
}

function columnOf(row: ColumnRow): ColumnInfo {
  const [name, attnum, typeOid, typmod, typeText, notNull, generated, collation, computedFrom] = row;
  return {
    name,
    attnum,
    typeOid,
    typmod,
    typeText: typeText ?? undefined,
    notNull: notNull === 1,
    generated,
    collation: collation ?? undefined,
    computedFrom: computedFrom ?? NOTHING,
  };
}
