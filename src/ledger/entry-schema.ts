/**
 * What an entry looks like, as JSON Schema: schemas/ledger-entry.schema.json is written from this. One table a kind; a test holds every
 * entry that a gateway writes against it. Version 1; see `ENTRY_SCHEMA`.
 *
 * A kind's members may only be added to, and kinds too: readers pass over what they do not know.
 */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const scalar: Schema = { type: ['string', 'number', 'boolean', 'null'] };
const yes: Schema = { const: true };
const strings: Schema = { type: 'array', items: text };
const oneOf = (...values: readonly string[]): Schema => ({ enum: values });
const hex64: Schema = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const formHash: Schema = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{43}$',
  description: 'SHA-256 of the canonical JSON of a form, in base64url',
};
const parameters: Schema = { type: 'array', items: { type: ['string', 'null'] } };
const decision = oneOf('allow', 'hold', 'deny');

const FORM: Schema = object(
  {
    text: {
      ...strings,
      minItems: 1,
      description: 'the pieces of the text; a literal stands between each two',
    },
    command: text,
    actions: strings,
    relations: strings,
    decision,
    policies: strings,
    policyVersion: text,
  },
  {
    functions: strings,
    opaque: strings,
    bounded: { const: false },
    reason: text,
    masked: strings,
    unmasked: strings,
    lookups: strings,
    rewritten: yes,
  },
);

const LABEL_ROWS: Schema = {
  type: 'object',
  additionalProperties: object({}, { masked: count, unmasked: count }),
};

/** By kind: what it must have and what it may have, besides `at`, `id` and `kind`. */
const KINDS: Readonly<Record<string, readonly [required: Schema, optional: Schema]>> = {
  'log-opened': [{ schema: count, version: text }, {}],
  'log-recovered': [{ tornBytes: count }, {}],
  'session-opened': [
    {
      session: text,
      principal: text,
      principalKind: text,
      onBehalfOf: strings,
      database: text,
      environment: text,
      client: text,
      application: text,
      tls: { type: 'boolean' },
    },
    { purpose: text, token: text, certificate: text, certificateSubject: text },
  ],
  'session-closed': [{ session: text, reason: text }, { statements: count }],
  'session-killed': [
    { session: text, door: text },
    { by: text, reason: text },
  ],
  'authentication-failed': [
    { user: text, database: text, client: text, code: text },
    { door: text, attempts: count },
  ],
  authenticated: [
    { door: text, client: text },
    { principal: text, onBehalfOf: strings, token: text, by: text },
  ],
  'budget-exceeded': [
    {
      session: text,
      budget: text,
      count: oneOf('statements', 'rows', 'bytes', 'unmasked', 'written', 'held'),
      limit: count,
      windowMs: count,
      subject: object({}, { principal: text, session: text, database: text, label: text }),
    },
    { statement: count, refillsAt: count },
  ],
  finding: [
    {
      finding: text,
      rule: oneOf('relation', 'label', 'hours', 'rows', 'refusals', 'shapes'),
      principal: text,
      database: text,
      session: text,
      what: text,
      evidence: object({ seq: count, at: count, known: count }, { last: count, value: count, usual: count }),
    },
    {},
  ],
  'taint-cleared': [{ session: text }, { reason: text, elsewhere: yes }],
  'session-tainted': [{ session: text, by: strings }, { elsewhere: yes }],
  form: [{ form: FORM }, {}],
  statement: [
    { session: text, statement: count, of: formHash },
    {
      literals: strings,
      parameters,
      approval: text,
      sealed: { type: 'string', pattern: '^[0-9a-f]{12}(\\+[0-9a-f]{12})*:[A-Za-z0-9_-]+$' },
    },
  ],
  outcome: [
    {
      session: text,
      statement: count,
      rows: count,
      bytes: count,
      us: { type: 'number', minimum: 0, description: 'microseconds from admission to outcome' },
    },
    { tag: text, sqlstate: text, labels: LABEL_ROWS },
  ],
  approval: [
    {
      request: text,
      step: oneOf(
        ...[
          'requested',
          'vote',
          'escalated',
          'previewing',
          'previewed',
          'approved',
          'used',
          'denied',
          'expired',
          'drifted',
          'cancelled',
        ],
      ),
    },
    {
      ...{ by: text, via: text, verdict: oneOf('approve', 'deny', 'escalate'), automatic: yes, reason: text },
      ...{ groups: strings, binding: text, session: text, grant: text },
      affected: {
        ...{ type: 'object', additionalProperties: false, required: ['count', 'digest'] },
        properties: { count, digest: { type: 'string', pattern: '^[0-9a-f]{64}$' } },
      },
    },
  ],
  grant: [
    { grant: text, step: oneOf('given', 'used', 'used-up', 'expired', 'revoked') },
    {
      ...{ request: text, principal: text, until: count, times: count, terms: hex64, right: text },
      ...{ session: text, use: count, by: text, reason: text },
    },
  ],
  'policy-loaded': [
    { version: text, files: strings },
    {
      door: text,
      by: text,
      changes: { type: 'array', items: object({ id: text, file: text }, { before: text, after: text }) },
    },
  ],
  'policy-rejected': [
    { files: strings, error: text },
    { door: text, by: text },
  ],
  'config-loaded': [
    {
      version: text,
      door: text,
      changes: { type: 'array', items: object({ path: text }, { before: scalar, after: scalar }) },
    },
    { by: text, previous: text, pending: strings },
  ],
  'config-rejected': [{ error: text, door: text }, { by: text }],
  'token-issued': [
    { token: text, principal: text, onBehalfOf: strings, expiresAt: count },
    { purpose: text },
  ],
  'token-revoked': [{ token: text }, {}],
  label: [
    { step: oneOf('copied', 'found', 'forgotten'), database: text, columns: strings },
    { from: strings, by: text, reason: text },
  ],
  'audit-read': [{ by: text, query: text }, {}],
  'keys-destroyed': [
    { by: text, keys: strings, database: text, months: strings, subjects: strings },
    { reason: text },
  ],
  'entries-pruned': [
    {
      by: text,
      run: text,
      entries: count,
      bundles: { type: 'array', items: { type: 'array', items: count, minItems: 2, maxItems: 2 } },
      parts: {
        type: 'array',
        items: {
          type: 'array',
          prefixItems: [count, { ...text, pattern: '^[A-Za-z0-9_-]{43}$' }],
          minItems: 2,
          maxItems: 2,
        },
      },
    },
    {},
  ],
  'hold-placed': [
    { hold: text, by: text, reason: text },
    { databases: strings, kinds: strings, principals: strings, sessions: strings, from: count, to: count },
  ],
  'hold-released': [{ hold: text, by: text, reason: text }, {}],
};

/** Kinds that have a table here. */
export const KNOWN_KINDS: readonly string[] = Object.keys(KINDS);

/** The whole schema: an entry of a known kind, one that gave its members to a part, or one of a kind to come. */
export function entrySchema(): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://sluice.dev/schemas/ledger-entry.schema.json',
    title: 'An entry of a Sluice ledger, version 1',
    description: 'Canonical JSON (RFC 8785), one leaf of the log. See docs/ledger.md.',
    oneOf: [...Object.entries(KINDS).map(kindSchema), PARTED, UNKNOWN],
  };
}

const BASE: Schema = {
  at: { ...count, description: 'milliseconds since 1970' },
  id: {
    type: 'string',
    pattern: '^(0|[1-9][0-9]{0,3})\\.(0|[1-9][0-9]*)$',
    description: 'lane and number in it',
  },
};

function kindSchema([kind, [required, optional]]: readonly [string, readonly [Schema, Schema]]): Schema {
  return { title: kind, ...object({ ...BASE, kind: { const: kind }, ...required }, optional) };
}

const PARTED: Schema = {
  title: 'an entry that was too large: the rest lies in part/',
  ...object({ ...BASE, kind: text, part: hex64 }, { session: text, statement: count }),
};

const UNKNOWN: Schema = {
  title: 'an entry of a kind to come',
  type: 'object',
  properties: { ...BASE, kind: { type: 'string', not: { enum: Object.keys(KINDS) } } },
  required: ['at', 'id', 'kind'],
  not: { required: ['part'] },
};

function object(required: Schema, optional: Schema): Schema {
  return {
    type: 'object',
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}
