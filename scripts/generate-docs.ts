/**
 * Writes what can be derived from the code: docs/errors.md from the table of errors, schemas/sluice.schema.json and the
 * reference in docs/configuration.md from the schema of the configuration, schemas/sluice.cedarschema from that of policies,
 * docs/transparency.md from what the comparison with the database allows, the fields in docs/search.md from those of filters.
 * `npm run docs`; a test fails if they are stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_SCHEMA } from '../src/config/config-schema.ts';
import type { SchemaNode } from '../src/config/schema-nodes.ts';
import { ERROR_TABLE, type ErrorCode } from '../src/errors/error-table.ts';
import { entrySchema } from '../src/ledger/entry-schema.ts';
import { cedarSchema } from '../src/policy/schema.ts';
import { SECTION_TITLES } from '../src/report/control.ts';
import { FRAMEWORKS } from '../src/report/frameworks.ts';
import { FIELDS, STATES } from '../src/search/filter/fields.ts';
import { ALLOWED_DIFFERENCES } from '../tests/compat/difference/allowed-differences.ts';

const ROOT = join(import.meta.dirname, '..');
const REFERENCE_START = '<!-- reference: written by npm run docs -->';
const REFERENCE_END = '<!-- end of reference -->';
const FIELDS_START = '<!-- fields: written by npm run docs from src/search/filter/fields.ts -->';
const FIELDS_END = '<!-- end of fields -->';
const DIFFERENCES_START =
  '<!-- differences: written by npm run docs from tests/compat/difference/allowed-differences.ts -->';
const DIFFERENCES_END = '<!-- end of differences -->';

const CONTROLS_START = '<!-- controls: written by npm run docs from src/report/frameworks.ts -->';
const CONTROLS_END = '<!-- end of controls -->';

/** Path below the root of the project → what must stand there. */
export function generatedDocs(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/errors.md', errorsPage()],
    ['schemas/sluice.schema.json', `${JSON.stringify(CONFIG_SCHEMA, undefined, 2)}\n`],
    ['schemas/ledger-entry.schema.json', `${JSON.stringify(entrySchema(), undefined, 2)}\n`],
    ['schemas/sluice.cedarschema', cedarSchema()],
    ['docs/configuration.md', configurationPage(readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8'))],
    ['docs/search.md', searchPage(readFileSync(join(ROOT, 'docs/search.md'), 'utf8'))],
    ['docs/evidence.md', evidencePage(readFileSync(join(ROOT, 'docs/evidence.md'), 'utf8'))],
    ['docs/transparency.md', transparencyPage(readFileSync(join(ROOT, 'docs/transparency.md'), 'utf8'))],
  ]);
}

function errorsPage(): string {
  const rows = (Object.keys(ERROR_TABLE) as ErrorCode[]).map((code) => {
    const {
      sqlstate,
      httpStatus,
      meaning,
      hint,
    }: { sqlstate: string; httpStatus: number; meaning: string; hint?: string } = ERROR_TABLE[code];
    return `| \`${code}\` | \`${sqlstate}\` | ${httpStatus} | ${meaning}${hint === undefined ? '' : ` *${hint}*`} |`;
  });
  return `# Errors

<!-- Written by npm run docs from src/errors/error-table.ts. -->

Every refusal and failure of the gate has a stable code. PostgreSQL clients get its SQLSTATE, the message, a DETAIL and a
HINT; the HTTP API answers with its status and \`{"code", "sqlstate", "message", "detail", "hint"}\`. Codes and their
SQLSTATEs do not change between releases.

SQLSTATEs are PostgreSQL's own (Appendix A of its manual) where it has one. The class \`SL\` is the gate's: no driver takes it
for a passing failure and retries. Errors that the database itself raises pass through as it sent them.

The DETAIL of a statement that a policy, a reviewer, a mask, a limit, a budget or the scan of results stops (\`SL001\` to \`SL010\`, \`SL020\`, \`SL030\`, \`SL032\`; not \`SL008\`) is a JSON object, for programs to act on:

\`\`\`json
{"request": "apr_k3v9x2m4q7", "policies": ["agent-write-approval"],
 "facts": {"commands": ["UPDATE"], "actions": ["Update"], "relations": ["public.orders"], "hazards": [], "notUnderstood": []},
 "expiresAt": "2026-01-01T09:15:00.000Z",
 "next": "retry-identical-once-approved"}
\`\`\`

\`request\` is there if there is an approval request, \`grant\` if a grant covers it at another time, \`expiresAt\` while it waits, \`facts\` where one statement is meant. Limits and budgets add what
they count (\`limit\`, \`label\`, \`budget\`, \`refillsAt\`, …). \`next\` is what may be done: \`retry-identical-once-approved\`, \`retry-identical-at-its-time\`,
\`retry-identical-as-new-request\`, \`ask-the-reviewer\`, \`send-another-statement\` or \`wait\`. The HINT says it in words, with the policy's own \`@hint\`. No value of the statement or the
database is in any of them. An agent that gets \`SL002\` tells its person the
request's id and sends the identical statement again later, text and parameters unchanged: another text is another request. \`SL003\`
and \`SL001\` are final for that statement. \`sluice explain <code>\` says the same in a terminal.

A hint in *italics* is the one given if there is none better.

| Code | SQLSTATE | HTTP | When |
|---|---|---|---|
${rows.join('\n')}
`;
}

function configurationPage(current: string): string {
  return between(current, REFERENCE_START, REFERENCE_END, reference([], CONFIG_SCHEMA).join('\n\n'));
}

function searchPage(current: string): string {
  const fields = FIELDS.map(({ name, aliases = [], meaning, example }) => {
    const names = [name, ...aliases].map((one) => `\`${one}\``).join(', ');
    return `| ${names} | ${meaning} | \`${example}\` |`;
  });
  const states = Object.entries(STATES).map(([state, meaning]) => `| \`is:${state}\` | ${meaning} |`);
  return between(
    current,
    FIELDS_START,
    FIELDS_END,
    `| Field | Finds | Example |
|---|---|---|
${fields.join('\n')}

| | |
|---|---|
${states.join('\n')}`,
  );
}

function evidencePage(current: string): string {
  const parts = Object.entries(FRAMEWORKS).map(([id, { name, edition, controls }]) => {
    const rows = controls.map(
      ({ id: control, about, shows, sections }) =>
        `| ${control} | ${about} | ${shows} | ${sections.map((section) => SECTION_TITLES[section]).join(', ')} |`,
    );
    const head = ['| Control | About | What is shown | Where |', '|---|---|---|---|'];
    return [`### ${name} (\`--framework ${id}\`)`, `${edition}.`, [...head, ...rows].join('\n')].join('\n\n');
  });
  return between(current, CONTROLS_START, CONTROLS_END, parts.join('\n\n'));
}

function transparencyPage(current: string): string {
  const rows = ALLOWED_DIFFERENCES.map(({ what, how, why }) => `| ${what} | ${how} | ${why} |`);
  const table = ['| what | differs how | why |', '|---|---|---|', ...rows].join('\n');
  return between(current, DIFFERENCES_START, DIFFERENCES_END, table);
}

/** A page with what stands between two of its marks replaced. */
function between(page: string, start: string, end: string, text: string): string {
  const [before, rest] = page.split(start);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`a page lacks its marks: ${start}`);
  return `${before}${start}\n\n${text}\n\n${end}${after}`;
}

/** One table per mapping, outer ones first. */
function reference(path: readonly string[], schema: SchemaNode): string[] {
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const must = schema.required?.includes(key) ? ' (required)' : '';
    return `| \`${key}\` | ${typeOf(value)}${must} | ${defaultOf(value)} | ${describe(value)} |`;
  });
  const title = path.length === 0 ? '### The file' : `### \`${path.join('.')}\``;
  const table = ['| Key | Value | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n');
  const own = rows.length === 0 ? [] : [`${title}\n\n${schema.description}\n\n${table}`];
  const nested = Object.entries(schema.properties ?? {}).flatMap(([key, value]) =>
    reference([...path, key], value),
  );
  const values = schema.additionalProperties;
  const items =
    schema.items === undefined ? [] : reference([...path.slice(0, -1), `${path.at(-1)}[]`], schema.items);
  return [...own, ...nested, ...items, ...(values ? reference([...path, '<name>'], values) : [])];
}

function typeOf(schema: SchemaNode): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.pattern?.endsWith('(ms|s|m|h|d)$')) return 'duration';
  if (schema.pattern?.includes('KiB')) return 'size';
  if (Array.isArray(schema.type) && schema.type.includes('array')) return 'text or list';
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`;
  if (schema.type === 'array') return 'list';
  if (schema.type === 'object') return schema.properties === undefined ? 'name → value' : 'mapping';
  return schema.type === 'boolean' ? '`true`, `false`' : 'text';
}

function defaultOf(schema: SchemaNode): string {
  if (schema.default === undefined) return '';
  const text = typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default);
  return text === '[]' || text === '{}' ? 'empty' : `\`${text}\``;
}

function describe(schema: SchemaNode): string {
  const examples = (schema.examples ?? []).map(
    (value) => `\`${typeof value === 'string' ? value : flow(value)}\``,
  );
  return [schema.description, ...(examples.length === 0 ? [] : [`Such as ${examples.join(', ')}.`])].join(
    ' ',
  );
}

/** A value as YAML in one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key}: ${flow(inner)}`)
    .join(', ')} }`;
}

if (process.argv[1] === import.meta.filename) {
  for (const [path, text] of generatedDocs()) writeFileSync(join(ROOT, path), text);
}
