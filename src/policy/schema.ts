/**
 * The Cedar schema that every policy is validated against, made from the action table so that both cannot differ.
 * `schemas/sluice.cedarschema` is this text; a test keeps it equal.
 *
 * https://docs.cedarpolicy.com/schema/human-readable-schema.html
 */
import { ACTION_TABLE, ACTIONS } from './action-table.ts';
import { STANDING_ATTRIBUTES } from './standing-context.ts';

const ENTITIES = `
// Who acts. \`name\` is the principal's id, for \`like\` and comparisons.
entity Group;
entity Human in [Group] { name: String };
entity Agent in [Group] { name: String };
entity Service in [Group] { name: String };

// What is acted on. Ids are \`shop\`, \`shop/public\`, \`shop/public.customers\`, \`shop/public.customers.email\`.
entity Database {
  name: String,
  environment: String,
  // "dev", "staging" or "prod"; an environment of unknown name is "prod".
  tier: String,
  // "postgres"
  engine: String,
};
entity Schema in [Database];
// A relation: table, view, foreign table, partition.
entity Table in [Schema, Database] {
  // "" for a relation that was not found and was written without a schema.
  schema: String,
  name: String,
  // False if no such relation is known.
  known: Bool,
  // True for the database's own catalogs.
  system: Bool,
  // True for the session's own temporary relations.
  temporary: Bool,
  // The labels of all its columns.
  labels: Set<String>,
};
entity Column in [Table, Schema, Database] {
  schema: String,
  table: String,
  name: String,
  label: String,
};
// A function or procedure whose effects may reach beyond its result.
entity Routine in [Schema, Database] { schema: String, name: String };
// Anything else that has a name: "index", "role", "function", "schema", …
entity Object in [Schema, Database] { type: String, schema: String, name: String };
entity Setting in [Database] {
  name: String,
  // Absent if it is not a literal.
  value?: String,
  // True for SET LOCAL.
  local: Bool,
};
`;

/** Attributes of every context, with their Cedar types. Constant while a session lasts, but for `time`. */
export const SESSION_ATTRIBUTES = {
  database: 'String',
  environment: 'String',
  tier: 'String',
  'purpose?': 'String',
  'onBehalfOf?': 'Human',
  chain: 'Set<String>',
  delegated: 'Bool',
  time: 'Time',
} as const;

const CONNECT_ATTRIBUTES = {
  'client?': 'ipaddr',
  'tls?': 'Bool',
} as const;

/** Attributes of the context of every action on a thing. */
export const STATEMENT_ATTRIBUTES = {
  command: 'String',
  bounded: 'Bool',
  writes: 'Bool',
  restricted: 'Bool',
  opaque: 'Bool',
  opaqueKinds: 'Set<String>',
  transaction: 'String',
  labelsRead: 'Set<String>',
  labelsUnmasked: 'Set<String>',
  labelsWritten: 'Set<String>',
  columnsRead: 'Set<String>',
  columnsFiltered: 'Set<String>',
  columnsWritten: 'Set<String>',
  hazards: 'Set<String>',
  blocks: 'String',
  'estimatedRows?': 'Long',
  'estimatedShare?': 'Long',
} as const;

/** Every attribute a context can have, optional or not. */
export const CONTEXT_ATTRIBUTES: readonly string[] = [
  ...Object.keys(SESSION_ATTRIBUTES),
  ...Object.keys(CONNECT_ATTRIBUTES),
  ...Object.keys(STANDING_ATTRIBUTES),
  ...Object.keys(STATEMENT_ATTRIBUTES),
].map((name) => name.replace('?', ''));

const TIME = `
// UTC, to the minute. \`now.offset(duration("1h"))\` moves it to another zone; weekday 1 is Monday, 7 is Sunday.
type Time = { now: datetime, hour: Long, minute: Long, weekday: Long };
`;

function contextType(name: string, attributes: Readonly<Record<string, string>>): string {
  const lines = Object.entries(attributes).map(([attribute, type]) => `  ${attribute}: ${type},`);
  return `type ${name} = {\n${lines.join('\n')}\n};\n`;
}

function actionLine(action: keyof typeof ACTION_TABLE): string {
  const { group, resources, context } = ACTION_TABLE[action];
  const membership = group === undefined ? '' : ` in [${group}]`;
  return `action ${action}${membership} appliesTo {
  principal: [Human, Agent, Service],
  resource: [${resources.join(', ')}],
  context: ${context},
};`;
}

/** The schema in Cedar's own notation. The same text on every call. */
export function cedarSchema(): string {
  return `// Generated from src/policy/schema.ts. What the attributes mean: docs/policy.md.
${ENTITIES}${TIME}
${contextType('ConnectContext', { ...SESSION_ATTRIBUTES, ...CONNECT_ATTRIBUTES })}
${contextType('UnmaskContext', { ...SESSION_ATTRIBUTES, ...STANDING_ATTRIBUTES })}
${contextType('StatementContext', { ...SESSION_ATTRIBUTES, ...STANDING_ATTRIBUTES, ...STATEMENT_ATTRIBUTES })}
// Every action on a thing; Write changes data, Define changes what there is.
action Statement;
action Write in [Statement];
action Define in [Statement];

${ACTIONS.map(actionLine).join('\n')}
`;
}
