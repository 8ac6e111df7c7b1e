/**
 * Which parts of a request can change the answer for an action: found by reading the policies' syntax trees. What no policy
 * mentions does not enter the cache's key, so that a new table, another column list or another minute costs no evaluation.
 *
 * Errs on one side only: whatever it does not recognise counts as "everything matters".
 *
 * https://docs.cedarpolicy.com/policies/json-format.html
 */
import type { Action } from '../model/facts.ts';
import { actionsIn, isAction } from './action-table.ts';
import type { Expr, PolicyJson, TypeAndId } from './cedar.ts';
import { CONTEXT_ATTRIBUTES } from './schema.ts';

export interface Relevance {
  /** Attributes of the context, sorted. */
  readonly context: readonly string[];
  /** Of those, the ones that are compared with numbers and looked at in no other way: by the numbers, ascending. */
  readonly thresholds: ReadonlyMap<string, readonly number[]>;
  /** Attributes of the resource, sorted. */
  readonly resource: readonly string[];
  /** Entities that resources are compared with (`==` or `in`), as `entityKey` writes them. */
  readonly entities: ReadonlySet<string>;
  /** True if a policy uses the resource in a way that is none of the above: then its whole identity matters. */
  readonly everything: boolean;
}

/** One text for one entity. */
export function entityKey(entity: TypeAndId): string {
  return `${entity.type}::${entity.id}`;
}

/** What matters for one action, over all policies that can apply to it. */
export function relevanceOf(policies: readonly PolicyJson[], action: Action): Relevance {
  const reader = new Reader();
  for (const policy of policies) {
    if (canApply(policy, action)) reader.policy(policy);
  }
  return {
    context: [...(reader.wholeContext ? CONTEXT_ATTRIBUTES : reader.context)].sort(),
    thresholds: reader.wholeContext ? new Map() : reader.thresholds(),
    resource: [...reader.resource].sort(),
    entities: reader.entities,
    everything: reader.everything,
  };
}

/** False if the policy's scope names other actions. */
export function canApply(policy: PolicyJson, action: Action): boolean {
  const constraint = policy.action;
  if (constraint.op === 'All') return true;
  const targets =
    'entities' in constraint ? constraint.entities : 'entity' in constraint ? [constraint.entity] : [];
  return targets.some((target) => {
    const { id } = plain(target);
    return isAction(id) ? id === action : actionsIn(id).includes(action);
  });
}

function plain(entity: TypeAndId | { __entity: TypeAndId }): TypeAndId {
  return '__entity' in entity ? entity.__entity : entity;
}

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** True for the variable itself, not for what is reached through it. */
const isVariable = (value: unknown, name: string): boolean => isNode(value) && value.Var === name;

/** Operators that compare entities: literals on the other side say all that matters of the resource. */
const COMPARISONS = ['==', '!=', 'in', 'contains', 'containsAny', 'containsAll'];
/** Operators whose answer depends only on where a number lies among those it is compared with. */
const ORDERINGS = ['<', '<=', '>', '>=', '==', '!='];

class Reader {
  readonly context = new Set<string>();
  readonly resource = new Set<string>();
  readonly entities = new Set<string>();
  readonly #compared = new Map<string, Set<number>>();
  /** Attributes of the context whose very value matters. */
  readonly #exact = new Set<string>();
  wholeContext = false;
  everything = false;

  policy(policy: PolicyJson): void {
    const { resource } = policy;
    if (resource.op === '==' || resource.op === 'in') this.#constraint(resource);
    if (resource.op === 'is' && resource.in !== undefined) this.#constraint(resource.in);
    for (const condition of policy.conditions) this.#expression(condition.body);
  }

  thresholds(): Map<string, readonly number[]> {
    const inexact = [...this.#compared].filter(([name]) => !this.#exact.has(name));
    return new Map(inexact.map(([name, numbers]) => [name, [...numbers].sort((a, b) => a - b)]));
  }

  #constraint(constraint: object): void {
    if ('entity' in constraint) this.entities.add(entityKey(plain(constraint.entity as TypeAndId)));
    else this.everything = true;
  }

  #expression(expression: Expr | unknown): void {
    if (!isNode(expression)) {
      this.#unknown();
      return;
    }
    for (const [operator, operand] of Object.entries(expression)) this.#operation(operator, operand);
  }

  #operation(operator: string, operand: unknown): void {
    if (operator === 'Value') return;
    if (operator === 'Var') this.#bareVariable(operand);
    else if (operator === 'Set' && Array.isArray(operand))
      for (const member of operand) this.#expression(member);
    else if (operator === 'Record' && isNode(operand))
      for (const field of Object.values(operand)) this.#expression(field);
    else if (Array.isArray(operand)) for (const argument of operand) this.#expression(argument);
    else if (!isNode(operand)) this.#unknown();
    else if (ORDERINGS.includes(operator) && this.#ordering(operand)) return;
    else if (operator === '.' || operator === 'has') this.#attribute(operator, operand);
    else if (operator === 'is') this.#typeTest(operand);
    else if (COMPARISONS.includes(operator)) this.#comparison(operand);
    else this.#operands(operand);
  }

  #operands(operand: Node): void {
    for (const [name, value] of Object.entries(operand)) {
      if (name !== 'pattern') this.#expression(value);
    }
  }

  #bareVariable(name: unknown): void {
    if (name === 'context') this.wholeContext = true;
    else if (name === 'resource') this.everything = true;
    else if (name !== 'principal' && name !== 'action') this.#unknown();
  }

  #attribute(operator: string, { left, attr }: Node): void {
    const name = Array.isArray(attr) ? attr[0] : attr;
    if (typeof name !== 'string') this.#unknown();
    else if (isVariable(left, 'context')) {
      this.context.add(name);
      if (operator === '.' || Array.isArray(attr)) this.#exact.add(name);
    } else if (isVariable(left, 'resource')) this.resource.add(name);
    else this.#expression(left);
  }

  /** Notes `context.name < 5` and its like; false (and nothing noted) if it is anything else. */
  #ordering({ left, right }: Node): boolean {
    const [name, number] = [
      contextAttribute(left) ?? contextAttribute(right),
      numberOf(left) ?? numberOf(right),
    ];
    if (name === undefined || number === undefined) return false;
    this.context.add(name);
    const numbers = this.#compared.get(name);
    if (numbers === undefined) this.#compared.set(name, new Set([number]));
    else numbers.add(number);
    return true;
  }

  /** The type is in every key. */
  #typeTest({ left, in: within }: Node): void {
    if (within === undefined && isVariable(left, 'resource')) return;
    if (within === undefined) this.#expression(left);
    else this.#comparison({ left, right: within });
  }

  #comparison({ left, right }: Node): void {
    if (isVariable(left, 'resource') && this.#literals(right)) return;
    if (isVariable(right, 'resource') && this.#literals(left)) return;
    this.#expression(left);
    this.#expression(right);
  }

  /** Notes the entities of a literal, or of a set of literals; false (and nothing noted) if it is anything else. */
  #literals(expression: unknown): boolean {
    if (!isNode(expression)) return false;
    const members = Array.isArray(expression.Set) ? expression.Set : [expression];
    if (!members.every((member) => isNode(member) && 'Value' in member)) return false;
    for (const { Value: value } of members as { Value: unknown }[]) {
      if (isNode(value) && '__entity' in value) this.entities.add(entityKey(value.__entity as TypeAndId));
    }
    return true;
  }

  #unknown(): void {
    this.wholeContext = true;
    this.everything = true;
  }
}

/** The name in `context.name`. */
function contextAttribute(expression: unknown): string | undefined {
  const access = isNode(expression) ? expression['.'] : undefined;
  return isNode(access) && isVariable(access.left, 'context') && typeof access.attr === 'string'
    ? access.attr
    : undefined;
}

function numberOf(expression: unknown): number | undefined {
  return isNode(expression) && Number.isSafeInteger(expression.Value)
    ? (expression.Value as number)
    : undefined;
}
