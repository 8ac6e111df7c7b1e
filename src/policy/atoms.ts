/**
 * Facts → atoms: what a statement does, as (action, thing) pairs that must each be allowed. Nothing the facts name is left out:
 * an action that no thing accounts for is asked about the database as a whole. Pure.
 */
import type { Database } from '../model/database.ts';
import type { Action, Blocking, Facts, RelationUse } from '../model/facts.ts';
import type { Label, LabelSet } from '../model/labels.ts';
import type { CedarValueJson } from './cedar.ts';
import type { EstimateContext } from './estimate-probes.ts';
import type { Atom } from './judge.ts';
import type { MaskSet } from './mask-set.ts';
import {
  databaseResource,
  objectResource,
  type Resource,
  routineResource,
  settingResource,
  tableResource,
} from './resource.ts';

type Context = Record<string, CedarValueJson>;

/** The labels a statement meets, each list sorted and unique. */
export interface LabelUse {
  readonly read: readonly Label[];
  /** Those of `read` that the asker may see. */
  readonly unmasked: readonly Label[];
  readonly written: readonly Label[];
}

export function labelUseOf(facts: Facts, labels: LabelSet, masks: MaskSet): LabelUse {
  const read = new Set<Label>();
  const unmasked = new Set<Label>();
  const written = new Set<Label>();
  for (const use of facts.relations) {
    const hidden = masks.ofRelation(use.relation);
    for (const { column, label } of labels.ofRelation(use.relation)) {
      if (use.writes.includes(column)) written.add(label);
      if (!use.reads.includes(column)) continue;
      read.add(label);
      if (!hidden.some((mask) => mask.column === column)) unmasked.add(label);
    }
  }
  return { read: [...read].sort(), unmasked: [...unmasked].sort(), written: [...written].sort() };
}

/** What is known of a statement besides its facts. */
export interface Circumstances {
  readonly database: Database;
  readonly labels: LabelSet;
  readonly labelUse: LabelUse;
  readonly restricted: boolean;
  /** The part of every context that tells where the session stands. */
  readonly standing: Context;
  /** Absent if nobody has asked for it. */
  readonly estimate?: EstimateContext;
}

/** The atoms of a statement, at least one. */
export function atomsOf(
  facts: Facts,
  { database, labels, labelUse, restricted, standing, estimate }: Circumstances,
): readonly Atom[] {
  const context = { ...standing, ...contextOf(facts, labelUse, restricted), ...estimate };
  const atoms: Atom[] = facts.relations.map((use) => ({
    action: use.action,
    resource: tableResource(database, use, labels),
    context: { ...context, ...columnsOf(use) },
  }));
  const add = (action: Action, resource: Resource) => atoms.push({ action, resource, context });
  for (const object of facts.objects) add(object.action, objectResource(database, object));
  for (const { name, transparent } of facts.functions) {
    if (!transparent) add('Execute', routineResource(database, name));
  }
  for (const setting of facts.settings) add('Set', settingResource(database, setting));
  for (const action of unaccounted(facts, atoms)) add(action, databaseResource(database));
  return atoms;
}

/** `SELECT 1` reads nothing, but still has to be allowed to run: as a read of the database. */
function unaccounted(facts: Facts, atoms: readonly Atom[]): readonly Action[] {
  const covered = new Set(atoms.map((atom) => atom.action));
  if (facts.functions.length > 0) covered.add('Execute');
  const missing = facts.actions.filter((action) => !covered.has(action));
  return missing.length === 0 && atoms.length === 0 ? ['Read'] : missing;
}

function contextOf(facts: Facts, labels: LabelUse, restricted: boolean): Context {
  return {
    command: facts.command,
    bounded: facts.bounded,
    writes: facts.writes,
    restricted,
    opaque: facts.opaque.length > 0,
    opaqueKinds: [...new Set(facts.opaque.map((one) => one.kind))].sort(),
    transaction: facts.transaction,
    labelsRead: [...labels.read],
    labelsUnmasked: [...labels.unmasked],
    labelsWritten: [...labels.written],
    columnsRead: [],
    columnsFiltered: [],
    columnsWritten: [],
    hazards: [...new Set((facts.hazards ?? []).map((one) => one.kind))].sort(),
    blocks: strongestBlocking(facts),
  };
}

/** Mildest first. */
const BLOCKINGS: readonly Blocking[] = ['nobody', 'definitions', 'writes', 'everything'];

/** Who has to wait for the statement, at worst. */
function strongestBlocking({ locks = [] }: Facts): Blocking {
  return locks.reduce<Blocking>(
    (worst, { blocks }) => (BLOCKINGS.indexOf(blocks) > BLOCKINGS.indexOf(worst) ? blocks : worst),
    'nobody',
  );
}

function columnsOf(use: RelationUse): Context {
  return { columnsRead: [...use.reads], columnsFiltered: [...use.filters], columnsWritten: [...use.writes] };
}
