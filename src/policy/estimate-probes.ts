/**
 * Which estimates tell policies apart. An estimate costs a question to the database, so it is asked for only where its answer can
 * change the decision: that is found out by deciding with one estimate out of each range that the policies distinguish.
 *
 * Errs on one side only: where a policy does anything else with an estimate than comparing it with a number, it is always asked for.
 */
import type { Facts } from '../model/facts.ts';
import type { PolicyJson } from './cedar.ts';

/** What policies may be told of an estimate, by the names of the attributes. */
export interface EstimateContext {
  readonly estimatedRows?: number;
  /** In percent. */
  readonly estimatedShare?: number;
}

/** Whether an action's policies look at estimates. */
export function looksAtEstimates({ context }: { readonly context: readonly string[] }): boolean {
  return context.includes(ROWS) || context.includes(SHARE);
}

const ROWS = 'estimatedRows';
const SHARE = 'estimatedShare';
/** More combinations than that are not worth trying. */
const MAX_PROBES = 64;
const MAX_ROWS = Number.MAX_SAFE_INTEGER;

/** One of each range; undefined if that cannot be said; empty if no policy looks at estimates. */
export function estimateProbes(policies: readonly PolicyJson[]): readonly EstimateContext[] | undefined {
  const reader = new Reader();
  const isReadable = policies.every(({ conditions }) => conditions.every(({ body }) => reader.read(body)));
  if (!isReadable) return undefined;
  const rows = ranges(reader.bounds[ROWS], MAX_ROWS);
  const shares = ranges(reader.bounds[SHARE], 100);
  if (rows.length * shares.length > MAX_PROBES) return undefined;
  return rows
    .flatMap((estimatedRows) =>
      shares.map((estimatedShare) => ({
        ...(estimatedRows === undefined ? {} : { estimatedRows }),
        ...(estimatedShare === undefined ? {} : { estimatedShare }),
      })),
    )
    .filter((probe) => Object.keys(probe).length > 0);
}

/** Those that an estimate of the statement can come to. */
export function probesOf(
  probes: readonly EstimateContext[],
  { atMostOneRow }: Facts,
): readonly EstimateContext[] {
  if (atMostOneRow !== true) return probes;
  return probes.filter(({ estimatedRows = 0 }) => estimatedRows <= 1);
}

/** Reads what estimates are compared with. */
class Reader {
  /** Undefined for an attribute that no policy looks at. */
  readonly bounds: Record<Attribute, Set<number> | undefined> = { [ROWS]: undefined, [SHARE]: undefined };

  /** False if there is a use of an estimate that is no comparison with a number. */
  read(node: unknown): boolean {
    if (Array.isArray(node)) return node.every((member) => this.read(member));
    if (!isNode(node)) return true;
    // Whoever takes the context as a whole may do anything with it.
    if (isContext(node) || attributeOf(node) !== undefined) return false;
    return Object.entries(node).every(([operator, operand]) => this.#operation(operator, operand));
  }

  #operation(operator: string, operand: unknown): boolean {
    if (operator === 'has' || operator === '.') return this.#access(operand);
    if (!COMPARISONS.includes(operator) || !isNode(operand)) return this.read(operand);
    const { left, right } = operand;
    const attribute = attributeOf(left) ?? attributeOf(right);
    if (attribute === undefined) return this.read(operand);
    const other = attributeOf(left) === undefined ? left : right;
    const bound = isNode(other) ? other.Value : undefined;
    if (typeof bound !== 'number') return false;
    this.#note(attribute).add(bound);
    return true;
  }

  #access(operand: unknown): boolean {
    if (!isNode(operand) || !isContext(operand.left)) return this.read(operand);
    const name: unknown = Array.isArray(operand.attr) ? operand.attr[0] : operand.attr;
    if (isAttribute(name)) this.#note(name);
    return true;
  }

  #note(attribute: Attribute): Set<number> {
    const known = this.bounds[attribute] ?? new Set();
    this.bounds[attribute] = known;
    return known;
  }
}

/** Each bound, what lies between two of them and beyond, and what is not known. */
function ranges(bounds: ReadonlySet<number> | undefined, max: number): readonly (number | undefined)[] {
  if (bounds === undefined) return [undefined];
  const found = new Set([0, max]);
  for (const bound of bounds) for (const near of [bound - 1, bound, bound + 1]) found.add(near);
  const sorted = [...found].filter((one) => one >= 0 && one <= max).sort((a, b) => a - b);
  return [undefined, ...sorted];
}

const COMPARISONS = ['<', '<=', '>', '>=', '==', '!='];

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type Attribute = typeof ROWS | typeof SHARE;

const isAttribute = (name: unknown): name is Attribute => name === ROWS || name === SHARE;

/** Of `context.estimatedRows` and the like. */
function attributeOf(node: unknown): Attribute | undefined {
  const access = isNode(node) ? node['.'] : undefined;
  return isNode(access) && isContext(access.left) && isAttribute(access.attr) ? access.attr : undefined;
}

const isContext = (value: unknown): boolean => isNode(value) && value.Var === 'context';
