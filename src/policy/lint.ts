/**
 * What is suspicious about policies that load: names that nothing has, and policies that another one makes pointless. Pure. Says
 * only what is certain under what is known, so that a finding is worth reading; an empty list proves nothing.
 */
import { nearestName } from '../config/nearest-name.ts';
import type { HazardKind } from '../model/facts.ts';
import { ACTIONS, actionsIn, isAction } from './action-table.ts';
import { seatsOf } from './approval-rules.ts';
import type { PolicyJson, TypeAndId } from './cedar.ts';
import type { Policy, PolicySet } from './load.ts';

/** What exists, for names in policies to be held against. */
export interface KnownNames {
  readonly principals: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly databases: ReadonlySet<string>;
  readonly environments: ReadonlySet<string>;
  /** Labels in use in any database. */
  readonly labels: ReadonlySet<string>;
  /** Who could answer a request as a member of a group: no agents. */
  readonly members: (group: string) => readonly string[];
}

export interface LintFinding {
  readonly policy: string;
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly message: string;
}

/**
 * In order of the policies. Those that ship (`sluice/…`) name groups that need not exist, and are there to be overruled: they are
 * judged against each other only.
 */
export function lintPolicies({ policies }: PolicySet, known: KnownNames): readonly LintFinding[] {
  return policies.flatMap((policy) =>
    [...(ships(policy) ? [] : unknownNames(policy, known)), ...pointlessness(policy, policies)].map(
      (message) => ({ policy: policy.id, file: policy.file, line: policy.line, message }),
    ),
  );
}

const ships = ({ file }: Policy): boolean => file.startsWith('sluice/');

/** A table, so that the compiler misses none. */
const HAZARDS: Readonly<Record<HazardKind, true>> = {
  'drops-object': true,
  'drops-column': true,
  'drops-constraint': true,
  renames: true,
  'empties-table': true,
  'rewrites-table': true,
  'checks-every-row': true,
  'blocks-others': true,
  'unbounded-write': true,
  'hidden-write': true,
  'bulk-read': true,
  'changes-privileges': true,
  'changes-roles': true,
  'acts-as-another': true,
  'lifts-safeguard': true,
  'administers-server': true,
  'runs-program': true,
  'reaches-files': true,
  'loads-code': true,
  'reaches-other-sessions': true,
  'reaches-other-servers': true,
  'uses-large-objects': true,
  'runs-unseen-code': true,
  'ends-transaction': true,
};

/** Attributes with a closed set of values; what stands for nothing can never match. */
const CLOSED: Readonly<Record<string, readonly string[]>> = {
  tier: ['dev', 'staging', 'prod'],
  blocks: ['nobody', 'definitions', 'writes', 'everything'],
  transaction: ['begin', 'commit', 'rollback', 'savepoint', 'release', 'rollback-to', 'prepare', 'none'],
  opaqueKinds: ['statement', 'function', 'dynamic-sql', 'relation', 'type', 'setting'],
  engine: ['postgres'],
  hazards: Object.keys(HAZARDS),
};

const LABELS: ReadonlySet<string> = new Set([
  'labels',
  'label',
  'labelsRead',
  'labelsUnmasked',
  'labelsWritten',
]);

function unknownNames(policy: Policy, known: KnownNames): string[] {
  const found = new Set<string>();
  const miss = (what: string, name: string, among: Iterable<string>) =>
    found.add(`${what} ${JSON.stringify(name)} does not exist${nearest(name, among)}`);
  for (const { type, id } of entitiesIn(policy.json)) {
    if (type === 'Group' && !known.groups.has(id)) miss('group', id, known.groups);
    else if (PRINCIPALS.has(type) && !known.principals.has(id)) miss('principal', id, known.principals);
    else if (THINGS.has(type) && !known.databases.has(databaseOf(type, id)))
      miss('database', databaseOf(type, id), known.databases);
  }
  for (const [attribute, value] of comparedIn(policy.json)) {
    const values = Object.hasOwn(CLOSED, attribute) ? CLOSED[attribute] : undefined;
    if (values !== undefined && !values.includes(value)) miss(attribute, value, values);
    else if (LABELS.has(attribute) && !known.labels.has(value)) miss('label', value, known.labels);
    else if (attribute === 'database' && !known.databases.has(value))
      miss('database', value, known.databases);
    else if (attribute === 'environment' && !known.environments.has(value))
      miss('environment', value, known.environments);
  }
  const { groups = [], escalation } = policy.approval ?? {};
  for (const group of [...groups, ...(escalation?.groups ?? [])])
    if (!known.groups.has(group)) miss('group (of @approval)', group, known.groups);
  return [...found, ...missingPeople(policy, known)];
}

/** What nobody could ever approve, because there are too few people. */
function missingPeople({ approval }: Policy, { groups, members }: KnownNames): string[] {
  if (approval === undefined || !approval.groups.every((group) => groups.has(group))) return [];
  const substitutes = approval.escalation?.groups ?? [];
  return [...seatsOf(approval), { groups: approval.groups, count: approval.quorum }]
    .flatMap((seat) => {
      const people = new Set([...seat.groups, ...substitutes].flatMap(members));
      return people.size >= seat.count
        ? []
        : [`@approval asks ${seat.count} of ${seat.groups.join(' or ')}, and there are ${people.size}`];
    })
    .slice(0, 1);
}

const PRINCIPALS: ReadonlySet<string> = new Set(['Human', 'Agent', 'Service']);
const THINGS: ReadonlySet<string> = new Set([
  'Database',
  'Schema',
  'Table',
  'Column',
  'Routine',
  'Object',
  'Setting',
]);

/** Ids of things begin with their database's name. */
const databaseOf = (type: string, id: string): string => (type === 'Database' ? id : id.split('/', 1)[0]!);

function nearest(name: string, among: Iterable<string>): string {
  const close = nearestName(name, among);
  return close === undefined ? '' : `; did you mean ${JSON.stringify(close)}?`;
}

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** Every entity that a policy names, but for its actions. */
function entitiesIn(policy: PolicyJson): TypeAndId[] {
  const found: TypeAndId[] = [];
  const walk = (value: unknown): void => {
    if (!isNode(value)) return;
    if ('__entity' in value) walk(value.__entity);
    else if (typeof value.type === 'string' && typeof value.id === 'string')
      found.push({ type: value.type, id: value.id });
    else for (const inner of Object.values(value)) walk(inner);
  };
  walk([policy.principal, policy.resource, policy.conditions]);
  return found;
}

/** Every text that an attribute is compared with: `x.attr == "t"`, `x.attr.contains("t")`, `["t"].contains(x.attr)`. */
function comparedIn(policy: PolicyJson): [attribute: string, value: string][] {
  const found: [string, string][] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) walk(each);
    else if (isNode(value)) {
      for (const [operator, operand] of Object.entries(value)) {
        if (COMPARISONS.has(operator) && isNode(operand)) {
          const { left, right } = operand;
          for (const [one, other] of [
            [left, right],
            [right, left],
          ] as const) {
            const attribute = attributeOf(one);
            if (attribute !== undefined) for (const text of textsOf(other)) found.push([attribute, text]);
          }
        }
        walk(operand);
      }
    }
  };
  walk(policy.conditions);
  return found;
}

const COMPARISONS: ReadonlySet<string> = new Set(['==', 'contains', 'containsAny', 'containsAll']);

function attributeOf(expression: unknown): string | undefined {
  const access = isNode(expression) ? expression['.'] : undefined;
  return isNode(access) && typeof access.attr === 'string' ? access.attr : undefined;
}

function textsOf(expression: unknown): string[] {
  if (!isNode(expression)) return [];
  if (Array.isArray(expression.Set)) return expression.Set.flatMap(textsOf);
  return typeof expression.Value === 'string' ? [expression.Value] : [];
}

/** Whether another policy says all that this one says, or overrules it wherever it could apply. */
function pointlessness(policy: Policy, all: readonly Policy[]): string[] {
  return all.flatMap((other) => {
    if (other === policy || (ships(policy) && !ships(other)) || !covers(other.json, policy.json)) return [];
    const at = `${other.id} (${other.file}:${other.line})`;
    if (policy.effect === 'permit' && other.effect === 'forbid' && other.approval === undefined)
      return [`never permits anything: ${at} forbids all of it`];
    if (other.effect !== policy.effect) return [];
    // Of two that say the same, only the later one is pointless.
    if (covers(policy.json, other.json) && all.indexOf(policy) < all.indexOf(other)) return [];
    if (policy.effect === 'permit') return [`adds nothing: ${at} permits all of it`];
    if (other.approval !== undefined) return [];
    if (policy.approval !== undefined) return [`never asks for approval: ${at} forbids all of it`];
    // One that explains itself better than the other teaches something, at least.
    const teaches = policy.reason !== undefined || policy.hint !== undefined;
    return teaches ? [] : [`adds nothing: ${at} forbids all of it`];
  });
}

/** True if `wide` applies wherever `narrow` does. Certain only if it says true. */
function covers(wide: PolicyJson, narrow: PolicyJson): boolean {
  return (
    scopeCovers(wide.principal, narrow.principal) &&
    actionCovers(wide, narrow) &&
    scopeCovers(wide.resource, narrow.resource) &&
    conditionsCover(wide, narrow)
  );
}

function scopeCovers(wide: object & { op: string }, narrow: object & { op: string }): boolean {
  if (wide.op === 'All') return true;
  if (JSON.stringify(wide) === JSON.stringify(narrow)) return true;
  const [a, b] = [wide, narrow] as {
    op: string;
    entity_type?: string;
    in?: unknown;
    entity?: { type?: string };
  }[];
  if (a!.op !== 'is' || a!.in !== undefined) return false;
  return b!.op === 'is'
    ? a!.entity_type === b!.entity_type
    : b!.op === '==' && b!.entity?.type === a!.entity_type;
}

function actionCovers(wide: PolicyJson, narrow: PolicyJson): boolean {
  const reach = actionsOf(wide);
  return [...actionsOf(narrow)].every((action) => reach.has(action));
}

function actionsOf({ action }: PolicyJson): ReadonlySet<string> {
  if (action.op === 'All') return new Set(ACTIONS);
  const named = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : [];
  return new Set(
    named.flatMap((entity) => {
      const { id } = ('__entity' in entity ? entity.__entity : entity) as TypeAndId;
      return isAction(id) ? [id] : actionsIn(id);
    }),
  );
}

/** Each condition of the wide one stands, word for word, among those of the narrow one. */
function conditionsCover(wide: PolicyJson, narrow: PolicyJson): boolean {
  const has = new Set(narrow.conditions.flatMap(conjuncts));
  return wide.conditions.flatMap(conjuncts).every((text) => has.has(text));
}

/** `when { a && b }` is `when { a } when { b }`, and `unless { a || b }` is `unless { a } unless { b }`. */
function conjuncts({ kind, body }: PolicyJson['conditions'][number]): string[] {
  const operator = kind === 'when' ? '&&' : '||';
  const parts = (expression: unknown): unknown[] => {
    const operands = isNode(expression) ? expression[operator] : undefined;
    return isNode(operands) ? [...parts(operands.left), ...parts(operands.right)] : [expression];
  };
  return parts(body).map((part) => `${kind} ${JSON.stringify(part)}`);
}
