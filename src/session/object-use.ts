/** Which prepared statements and cursors of the session a statement uses, and what it does by them. Pure. */
import type { Analysis, AnalyzedStatement, SessionObjectUse } from '../model/dialect.ts';
import type { Facts } from '../model/facts.ts';
import type { NamedObject } from './plan.ts';

/**
 * What a statement names by `sessionObject` (EXECUTE of a prepared statement, FETCH of a cursor); undefined if the session
 * has no such object.
 */
export type NamedObjects = (kind: 'prepared' | 'cursor', name: string) => NamedObject | undefined;

const keyOf = ({ kind, name }: SessionObjectUse): string => `${kind} ${name}`;

export function usedBy(
  { sessionObject }: AnalyzedStatement,
  objects: NamedObjects,
  local: ReadonlyMap<string, NamedObject>,
): readonly NamedObject[] {
  if (sessionObject?.verb !== 'use') return [];
  const used = local.get(keyOf(sessionObject)) ?? objects(sessionObject.kind, sessionObject.name);
  return used === undefined ? [] : [used];
}

/** What a statement makes is there for those behind it in the same text. */
export function noteMade(
  { text }: Analysis,
  analyzed: AnalyzedStatement,
  local: Map<string, NamedObject>,
): void {
  const { sessionObject, facts, start, end } = analyzed;
  if (sessionObject?.verb !== 'create') return;
  local.set(keyOf(sessionObject), { text: text.slice(start, end), analyzed, facts, parameters: [] });
}

/** Facts a statement is decided by: those of the prepared statement or cursor it uses as well, under its own command tag. */
export function factsOf({ sessionObject, facts }: AnalyzedStatement, uses: readonly NamedObject[]): Facts {
  if (sessionObject?.verb !== 'use') return facts;
  const [used] = uses;
  if (used !== undefined) return mergeFacts(facts, used.facts);
  // A name the gate did not see being made may hide anything.
  const what = `${sessionObject.kind === 'cursor' ? 'cursor' : 'prepared statement'} "${sessionObject.name}"`;
  return {
    ...facts,
    opaque: [...facts.opaque, { kind: 'statement', what: `unknown ${what}` }],
  };
}

/** What happens if both happen, under the command of the first. */
function mergeFacts(outer: Facts, inner: Facts): Facts {
  // They stand in the text that made it.
  const elsewhere = (inner.hazards ?? []).map(({ place: _, ...hazard }) => hazard);
  const hazards = [...(outer.hazards ?? []), ...elsewhere];
  const locks = [...(outer.locks ?? []), ...(inner.locks ?? [])];
  return {
    ...outer,
    ...(hazards.length === 0 ? {} : { hazards }),
    ...(locks.length === 0 ? {} : { locks }),
    actions: [...new Set([...outer.actions, ...inner.actions])],
    relations: [...outer.relations, ...inner.relations],
    objects: [...outer.objects, ...inner.objects],
    functions: [...outer.functions, ...inner.functions],
    settings: [...outer.settings, ...inner.settings],
    bounded: outer.bounded && inner.bounded,
    writes: outer.writes || inner.writes,
    changesCatalog: outer.changesCatalog || inner.changesCatalog,
    opaque: [...outer.opaque, ...inner.opaque],
    setsOff: [...(outer.setsOff ?? []), ...(inner.setsOff ?? [])],
    flows: [...(outer.flows ?? []), ...(inner.flows ?? [])],
    settingParameters: [...(outer.settingParameters ?? []), ...(inner.settingParameters ?? [])],
  };
}
