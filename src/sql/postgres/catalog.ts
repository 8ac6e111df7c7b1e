/**
 * The catalog snapshot: what the database's catalogs held at one moment, immutable. Loaded by `catalog-loader.ts`.
 *
 * It never holds a value of a user's table.
 */
import type { RelationId } from '../../model/facts.ts';
import { FIRST_USER_OID } from './catalog-queries.ts';
import type { FunctionBodies, ParsedBody } from './function-bodies.ts';
import { RelationInfo } from './relation-info.ts';
import { unknownFlow, type ViewFlow } from './view-flow.ts';

/** One function, procedure or aggregate. */
export interface FunctionInfo {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly language: string;
  /** immutable, stable, volatile */
  readonly volatility: 'i' | 's' | 'v';
  /** function, procedure, aggregate, window function */
  readonly kind: 'f' | 'p' | 'a' | 'w';
  readonly securityDefiner: boolean;
  readonly argumentCount: number;
  readonly defaultCount: number;
  readonly variadic: boolean;
  /** How many rows a call yields depends on its arguments. */
  readonly returnsSet: boolean;
  /** True if it came with the server. */
  readonly builtin: boolean;
  readonly extension: string | undefined;
  /** Only of functions that did not come with the server. */
  readonly identityArguments: string | undefined;
  readonly definitionDigest: string | undefined;
}

export interface TypeInfo {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** base, composite, domain, enum, multirange, pseudo, range */
  readonly kind: 'b' | 'c' | 'd' | 'e' | 'm' | 'p' | 'r';
  readonly category: string;
  /** Of domains; 0 otherwise. */
  readonly baseOid: number;
  /** Of arrays; 0 otherwise. */
  readonly elementOid: number;
  readonly notNull: boolean;
  readonly builtin: boolean;
  readonly extension: string | undefined;
  /** Of domains: one list a CHECK constraint, with the functions it calls that did not come with the server. */
  readonly checks: readonly (readonly number[])[];
  /** Oids of the types it is made of: attributes, subtype, element, base. */
  readonly parts: readonly number[];
}

/** An operator or a cast that did not come with the server. */
export interface ForeignOperator {
  readonly schema: string;
  readonly name: string;
  readonly functionOid: number;
}

export interface ForeignCast {
  readonly source: number;
  readonly target: number;
  /** 0 if the cast calls none. */
  readonly functionOid: number;
  /** `i`: through the types' input and output functions. */
  readonly method: string;
}

/** Everything a load read, as texts of JSON. */
export interface CatalogRows {
  readonly schemas: readonly string[];
  readonly relations: readonly string[];
  readonly functions: readonly string[];
  readonly operators: readonly string[];
  readonly casts: readonly string[];
  readonly types: readonly string[];
}

const NONE: readonly never[] = [];

/** What rows were decoded to. Snapshots share what is the same. */
interface Functions {
  readonly rows: readonly string[];
  readonly byRow: ReadonlyMap<string, readonly FunctionInfo[]>;
  readonly byName: ReadonlyMap<string, readonly FunctionInfo[]>;
  readonly byOid: ReadonlyMap<number, FunctionInfo>;
}

interface Types {
  readonly rows: readonly string[];
  readonly byName: ReadonlyMap<string, readonly TypeInfo[]>;
  readonly byOid: ReadonlyMap<number, TypeInfo>;
}

/** An immutable snapshot. All look-ups are O(1). */
export class CatalogSnapshot {
  /** Grows whenever the content changed, and only then. */
  readonly version: number;
  readonly schemas: ReadonlySet<string>;
  /** Undefined while they are being traced. */
  #viewFlows: ReadonlyMap<number, ViewFlow> | undefined;
  #functionBodies: FunctionBodies | undefined;
  readonly #relationsByName = new Map<string, RelationInfo[]>();
  readonly #relationsByOid = new Map<number, RelationInfo>();
  #referencing: ReadonlyMap<number, RelationInfo[]> | undefined;
  readonly #children = new Map<number, RelationInfo[]>();
  readonly #functions: Functions;
  readonly #operators = new Map<string, ForeignOperator[]>();
  readonly #casts: readonly ForeignCast[];
  readonly #types: Types;

  /**
   * @param relations those of `rows.relations`, decoded; by default they are decoded here
   * @param previous what is the same there is taken from it
   */
  constructor(
    version: number,
    rows: CatalogRows,
    relations: readonly RelationInfo[] = rows.relations.map((row) => new RelationInfo(row)),
    previous?: CatalogSnapshot,
  ) {
    this.version = version;
    this.schemas = new Set(rows.schemas);
    for (const relation of relations) this.#addRelation(relation);
    this.#functions = decodedFunctions(
      rows.functions,
      previous === undefined ? undefined : previous.#functions,
    );
    for (const row of rows.operators) {
      const [schema, name, functionOid] = JSON.parse(row) as [string, string, number];
      append(this.#operators, name, { schema, name, functionOid });
    }
    this.#casts = rows.casts.map((row) => {
      const [source, target, functionOid, method] = JSON.parse(row) as [number, number, number, string];
      return { source, target, functionOid, method };
    });
    this.#types = decodedTypes(rows.types, previous === undefined ? undefined : previous.#types);
  }

  relation(schema: string, name: string): RelationInfo | undefined {
    return this.#relationsByName.get(name)?.find((relation) => relation.schema === schema);
  }

  /** By `schema.name`. Where names with dots make that ambiguous, all that match. */
  relationsById(id: RelationId): RelationInfo[] {
    const found: RelationInfo[] = [];
    for (let dot = id.indexOf('.'); dot >= 0; dot = id.indexOf('.', dot + 1)) {
      const relation = this.relation(id.slice(0, dot), id.slice(dot + 1));
      if (relation) found.push(relation);
    }
    return found;
  }

  relationByOid(oid: number): RelationInfo | undefined {
    return this.#relationsByOid.get(oid);
  }

  /** Every relation of that name, in whatever schema. */
  relationsNamed(name: string): readonly RelationInfo[] {
    return this.#relationsByName.get(name) ?? NONE;
  }

  relations(): Iterable<RelationInfo> {
    return this.#relationsByOid.values();
  }

  /** Partitions, or tables that inherit from it; direct ones only. */
  children(oid: number): readonly RelationInfo[] {
    return this.#children.get(oid) ?? NONE;
  }

  /** The relations with foreign keys to it. */
  referencing(oid: number): readonly RelationInfo[] {
    this.#referencing ??= this.#findReferencing();
    return this.#referencing.get(oid) ?? NONE;
  }

  /** It and everything that is a partition of it or inherits from it, at any depth. */
  family(relation: RelationInfo): readonly RelationInfo[] {
    const all = new Set([relation]);
    for (const each of all) for (const child of this.children(each.oid)) all.add(child);
    return [...all];
  }

  /**
   * Where the columns of a view come from; undefined for what is no view, and for the system's own views, which are known
   * one by one.
   */
  viewFlow(relation: RelationInfo): ViewFlow | undefined {
    if (relation.system || (relation.kind !== 'view' && relation.kind !== 'materialized-view'))
      return undefined;
    return this.#viewFlows && (this.#viewFlows.get(relation.oid) ?? unknownFlow(relation));
  }

  /** True if a column holds something else than a copy of what it is labelled for: a mask made for that does not fit. */
  isComputed(relation: RelationInfo, column: string): boolean {
    if (relation.column(column)?.generated) return true;
    const flow = this.viewFlow(relation);
    if (flow === undefined) return false;
    const origin = flow.copies.get(column);
    const [base] = origin === undefined ? [] : this.relationsById(origin.relation);
    return origin === undefined || base === undefined || this.isComputed(base, origin.column);
  }

  /** Once, by the loader: tracing views needs the rest of the snapshot. */
  setViewFlows(flows: ReadonlyMap<number, ViewFlow>): void {
    this.#viewFlows = flows;
  }

  /** What calling a function executes; undefined if that is not known. */
  functionBody(oid: number): ParsedBody | undefined {
    return this.#functionBodies?.of(oid);
  }

  /** Once, by the loader. */
  setFunctionBodies(bodies: FunctionBodies): void {
    this.#functionBodies = bodies;
  }

  functions(): Iterable<FunctionInfo> {
    return this.#functions.byOid.values();
  }

  /** Every function of that name, in whatever schema. */
  functionsNamed(name: string): readonly FunctionInfo[] {
    return this.#functions.byName.get(name) ?? NONE;
  }

  functionByOid(oid: number): FunctionInfo | undefined {
    return this.#functions.byOid.get(oid);
  }

  /** The operators of that name which did not come with the server. */
  foreignOperatorsNamed(name: string): readonly ForeignOperator[] {
    return this.#operators.get(name) ?? NONE;
  }

  /** The casts from or to that type which did not come with the server. */
  foreignCastsOf(typeOid: number): readonly ForeignCast[] {
    return this.#casts.filter(({ source, target }) => source === typeOid || target === typeOid);
  }

  /** Undefined for row types of relations, which the snapshot leaves out. */
  type(oid: number): TypeInfo | undefined {
    return this.#types.byOid.get(oid);
  }

  typesNamed(name: string): readonly TypeInfo[] {
    return this.#types.byName.get(name) ?? NONE;
  }

  /** Hex SHA-256 over the definition of a relation; empty if there is none of that name. */
  digestOf(id: RelationId): string {
    return this.relationsById(id)
      .map(({ digest }) => digest)
      .join();
  }

  #findReferencing(): Map<number, RelationInfo[]> {
    const found = new Map<number, RelationInfo[]>();
    for (const relation of this.#relationsByOid.values()) {
      for (const oid of relation.referenced) append(found, oid, relation);
    }
    return found;
  }

  #addRelation(relation: RelationInfo): void {
    this.#relationsByOid.set(relation.oid, relation);
    append(this.#relationsByName, relation.name, relation);
    for (const parent of relation.parents) append(this.#children, parent, relation);
  }
}

type FunctionRow = readonly [
  oid: number,
  language: string,
  volatility: FunctionInfo['volatility'],
  kind: FunctionInfo['kind'],
  securityDefiner: number,
  argumentCount: number,
  defaultCount: number,
  variadic: number,
  extension: string | null,
  identityArguments: string | null,
  definitionDigest: string | null,
  returnsSet: number,
];
type FunctionsRow = readonly [schema: string, name: string, overloads: readonly FunctionRow[]];
type TypeRow = readonly [
  oid: number,
  schema: string,
  name: string,
  kind: TypeInfo['kind'],
  category: string,
  baseOid: number,
  elementOid: number,
  relationOid: number,
  notNull: number,
  extension: string | null,
  checks: readonly (readonly number[] | null)[] | null,
  attributes: readonly number[] | null,
  subtype: number | null,
];

function decodedFunctions(rows: readonly string[], previous: Functions | undefined): Functions {
  if (previous?.rows === rows) return previous;
  const byRow = new Map<string, readonly FunctionInfo[]>();
  const byName = new Map<string, FunctionInfo[]>();
  const byOid = new Map<number, FunctionInfo>();
  for (const row of rows) {
    const functions = previous?.byRow.get(row) ?? functionsOf(row);
    byRow.set(row, functions);
    for (const info of functions) {
      append(byName, info.name, info);
      byOid.set(info.oid, info);
    }
  }
  return { rows, byRow, byName, byOid };
}

function decodedTypes(rows: readonly string[], previous: Types | undefined): Types {
  if (previous?.rows === rows) return previous;
  const byName = new Map<string, TypeInfo[]>();
  const byOid = new Map<number, TypeInfo>();
  for (const row of rows) {
    const type = typeOf(JSON.parse(row) as TypeRow);
    byOid.set(type.oid, type);
    append(byName, type.name, type);
  }
  return { rows, byName, byOid };
}

function functionsOf(text: string): FunctionInfo[] {
  const [schema, name, overloads] = JSON.parse(text) as FunctionsRow;
  return overloads.map((row) => functionOf(schema, name, row));
}

function functionOf(schema: string, name: string, row: FunctionRow): FunctionInfo {
  return {
    oid: row[0],
    schema,
    name,
    language: row[1],
    volatility: row[2],
    kind: row[3],
    securityDefiner: row[4] === 1,
    argumentCount: row[5],
    defaultCount: row[6],
    variadic: row[7] === 1,
    builtin: row[0] < FIRST_USER_OID,
    extension: row[8] ?? undefined,
    identityArguments: row[9] ?? undefined,
    definitionDigest: row[10] ?? undefined,
    returnsSet: row[11] === 1,
  };
}

function typeOf(row: TypeRow): TypeInfo {
  const [oid, schema, name, kind, category, baseOid, elementOid] = row;
  const parts = [...(row[11] ?? NONE), row[12] ?? 0, baseOid, elementOid].filter((part) => part !== 0);
  return {
    oid,
    schema,
    name,
    kind,
    category,
    baseOid,
    elementOid,
    notNull: row[8] === 1,
    builtin: oid < FIRST_USER_OID,
    extension: row[9] ?? undefined,
    checks: (row[10] ?? NONE).map((functions) => functions ?? NONE),
    parts,
  };
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
