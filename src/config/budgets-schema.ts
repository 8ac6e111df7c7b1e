/** The part of the configuration's schema that is about budgets. */

import { SIZE_PATTERN } from './quantity.ts';
import { duration, LABEL, list, NAME, object, record, type SchemaNode, text, whole } from './schema-nodes.ts';

const holders = object('Whom it counts: whoever one of these names. Default: everybody.', {
  kinds: list('Kinds of principals.', { enum: ['human', 'agent', 'service'] }),
  groups: list('Members of these groups.', NAME),
  principals: list('These principals.', NAME),
});

const approval = object(
  'Who must approve a statement that exceeds it; what is left out comes from approvals.',
  {
    groups: list('The groups whose members may answer.', NAME),
    quorum: whole('How many distinct people must approve.', 1, 10),
    expires: text('How long the request waits, such as 15m.'),
  },
);

const budget: SchemaNode = object(
  'How much of something may be used within some time.',
  {
    for: holders,
    databases: list('The databases where it counts. Default: all.', NAME),
    count: {
      description:
        'What it counts: statements, rows or bytes that are returned, values of labelled columns that are returned unmasked, rows written, or requests for approval (held).',
      enum: ['statements', 'rows', 'bytes', 'unmasked', 'written', 'held'],
    },
    labels: list('For count: unmasked, the labels that count. Default: all.', LABEL),
    limit: {
      description: 'How much. Bytes may have a unit of KiB, MiB or GiB.',
      type: ['integer', 'string'],
      minimum: 0,
      pattern: SIZE_PATTERN,
      patternErrorMessage: 'Write a whole number, or a number of bytes with a unit, such as 16MiB.',
      errorMessage: 'Write a whole number, or a number of bytes with a unit, such as 16MiB.',
      examples: [10_000, '50MiB'],
    },
    window: duration('Within what time: no period of this length sees more.', 3_600_000),
    per: list(
      'What has a budget of its own: each of these, taken together. An empty list is one budget for all.',
      { enum: ['principal', 'session', 'database', 'label'] },
      { default: ['principal'] },
    ),
    onBehalfOf: {
      description: 'Whether what somebody does on behalf of others counts for them, too.',
      type: 'boolean',
      default: false,
    },
    exceeded: {
      description:
        'What happens to a statement when nothing is left: it is refused (deny) or held for approval (hold).',
      enum: ['deny', 'hold'],
      default: 'deny',
    },
    approval,
  },
  { required: ['count', 'limit'] },
);

export const BUDGETS_SCHEMA: SchemaNode = record('Budgets, by name.', NAME, budget, {
  default: {},
  maxProperties: 100,
  examples: [{ 'agent-rows': { for: { kinds: ['agent'] }, count: 'rows', limit: 10_000, window: '1h' } }],
});
