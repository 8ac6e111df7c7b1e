/** The part of the schema of `sluice.yaml` that is about access for a time. */
import { DEFAULT_ACCESS_MS } from './config-defaults.ts';
import { duration, LABEL, list, NAME, object, record, type SchemaNode, text } from './schema-nodes.ts';

const rule = (what: string, more: Record<string, SchemaNode> = {}): SchemaNode =>
  object(
    `Who may have ${what} for a time, and who decides.`,
    {
      approval: text('Who must agree, as in an `@approval` annotation.', {
        maxLength: 1000,
        examples: ['groups=security; quorum=1; expires=30m'],
      }),
      maxDuration: duration('The longest it may be lent.', DEFAULT_ACCESS_MS),
      requesters: list('Groups whose members may ask. Without this key, everybody may.', NAME, {
        examples: [['support']],
      }),
      ...more,
    },
    { required: ['approval'] },
  );

export const access: SchemaNode = object(
  'What may be asked for a time, with a reason: `sluice access request`. What is not named here cannot be.',
  {
    groups: record('Memberships, by group.', NAME, rule('the membership'), {
      default: {},
      examples: [{ dba: { approval: 'groups=security', maxDuration: '4h', requesters: ['support'] } }],
    }),
    unmask: record(
      'The sight of masked values, by label.',
      LABEL,
      rule('the sight', {
        databases: list('The databases it may be lent in. Without this key, all.', NAME, {
          examples: [['shop']],
        }),
      }),
      { default: {}, examples: [{ email: { approval: 'groups=security; quorum=2', maxDuration: '30m' } }] },
    ),
  },
);
