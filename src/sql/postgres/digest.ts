/**
 * Digests of parse trees, without positions: equal exactly for texts that parse to the same tree.
 */
import { hash } from 'node:crypto';

/** Fields that only say where something stands. `location` of CREATE TABLESPACE is a text, and stays. */
const POSITIONS: ReadonlySet<string> = new Set([
  'location',
  'stmt_location',
  'stmt_len',
  'name_location',
  'list_start',
  'list_end',
  'rexpr_list_start',
  'rexpr_list_end',
]);

/** True if a field of a node is a position. */
export function isPosition(field: string, value: unknown): boolean {
  return typeof value === 'number' && POSITIONS.has(field);
}

/** Hex SHA-256 of a tree's canonical text. */
export function digestOfTree(tree: unknown): string {
  return hash('sha256', canonicalText(tree), 'hex');
}

/** The parser gives fields in a fixed order, so leaving positions out is all it takes. Made for every novel statement. */
export function canonicalText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  let text = '{';
  for (const field in value) {
    const inner = (value as Fields)[field];
    if (!isPosition(field, inner)) text += `${field}:${canonicalText(inner)},`;
  }
  return `${text}}`;
}

/** True if two trees are the same but for positions. */
export function isSameTree(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((each, i) => isSameTree(each, b[i]));
  }
  for (const field in a) {
    const left = (a as Fields)[field];
    const right = (b as Fields)[field];
    if (!isPosition(field, left ?? right) && !isSameTree(left, right)) return false;
  }
  for (const field in b) {
    const right = (b as Fields)[field];
    if (!Object.hasOwn(a, field) && !isPosition(field, right) && right !== undefined) return false;
  }
  return true;
}

type Fields = Readonly<Record<string, unknown>>;

/** Every field that either has. */
export function fieldsOf(a: object, b: object): Iterable<string> {
  const fields = Object.keys(a);
  for (const field in b) if (!Object.hasOwn(a, field)) fields.push(field);
  return fields;
}
