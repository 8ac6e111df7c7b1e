/**
 * The parse tree as libpg-query gives it: PostgreSQL's own nodes as JSON. Absent fields mean zero, false or an empty list.
 * Positions in it are UTF-8 byte offsets; `Offsets` turns them into string offsets.
 *
 * @see https://github.com/pganalyze/libpg_query/blob/18-latest/protobuf/pg_query.proto
 */
import type { Node, ParseResult, RawStmt } from 'libpg-query';

export type * from 'libpg-query';

/** What `parse` yields: one entry a statement, none for an empty text. */
export type ParseTree = ParseResult;

/** The body of a node whose kind was found out by its tag: read with the type that the tag names. */
export type Body = Readonly<Record<string, unknown>>;

/** The kind of a node: its only key. Empty for `{}` (libpg-query's null node). */
export function tagOf(node: Node): string {
  for (const tag in node) return tag;
  return '';
}

/** The body of a node, whatever its kind. */
export function bodyOf(node: Node): Body {
  for (const tag in node) return (node as unknown as Record<string, Body>)[tag]!;
  return {};
}

/** The body if the node is of that kind. */
export function as<T>(node: Node | undefined, tag: string): T | undefined {
  return node === undefined ? undefined : (node as unknown as Record<string, T | undefined>)[tag];
}

/** The text of a String node; undefined for any other. */
export function stringOf(node: Node | undefined): string | undefined {
  const string = as<{ sval?: string }>(node, 'String');
  return string === undefined ? undefined : (string.sval ?? '');
}

/** The texts of a list of String nodes, such as a qualified name. Anything else in it becomes `*`. */
export function stringsOf(nodes: readonly Node[] | undefined): string[] {
  if (nodes === undefined) return [];
  return nodes.map((node) => stringOf(node) ?? '*');
}

/** The elements of a List node; a node that is no list is its only element. */
export function itemsOf(node: Node | undefined): readonly Node[] {
  if (node === undefined) return [];
  const list = as<{ items?: Node[] }>(node, 'List');
  return list === undefined ? [node] : (list.items ?? []);
}

/** A constant's value: a string for text, numbers and bits, a boolean, null, or undefined if the node is no constant. */
export function constantOf(node: Node | undefined): string | boolean | null | undefined {
  const body = as<{
    isnull?: boolean;
    ival?: { ival?: number };
    fval?: { fval?: string };
    sval?: { sval?: string };
    bsval?: { bsval?: string };
    boolval?: { boolval?: boolean };
  }>(node, 'A_Const');
  if (body === undefined) return undefined;
  if (body.isnull) return null;
  if (body.ival) return String(body.ival.ival ?? 0);
  if (body.sval) return body.sval.sval ?? '';
  if (body.fval) return body.fval.fval ?? '';
  if (body.boolval) return body.boolval.boolval ?? false;
  return body.bsval?.bsval;
}

/** The statement node of a RawStmt. */
export function statementOf(raw: RawStmt): Node {
  return raw.stmt ?? ({} as Node);
}
