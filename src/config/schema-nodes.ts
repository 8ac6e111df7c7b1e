/**
 * What the schema of the configuration is built of: the part of JSON Schema that is used, and the kinds of values that occur.
 *
 * Spec: https://json-schema.org/draft-07
 */
import { DURATION_PATTERN, formatBytes, formatDuration, SIZE_PATTERN } from './quantity.ts';

/** The part of JSON Schema that is used here. */
export interface SchemaNode {
  readonly $schema?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly patternErrorMessage?: string;
  readonly errorMessage?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false | SchemaNode;
  readonly propertyNames?: SchemaNode;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: SchemaNode;
  readonly uniqueItems?: boolean;
  readonly minItems?: number;
  readonly maxItems?: number;
}

type Extra = Omit<SchemaNode, 'type' | 'description'>;

export const text = (description: string, extra: Extra = {}): SchemaNode => ({
  description,
  type: 'string',
  minLength: 1,
  ...extra,
});
export const flag = (description: string, fallback: boolean): SchemaNode => ({
  description,
  type: 'boolean',
  default: fallback,
});
export const whole = (
  description: string,
  minimum: number,
  maximum: number,
  extra: Extra = {},
): SchemaNode => ({
  description,
  type: 'integer',
  minimum,
  maximum,
  ...extra,
});
export const duration = (description: string, fallbackMs: number): SchemaNode => ({
  description,
  type: 'string',
  pattern: DURATION_PATTERN,
  patternErrorMessage: 'Write a whole number and a unit of ms, s, m, h or d, such as 10s or 1h.',
  errorMessage: 'Write a whole number and a unit of ms, s, m, h or d, such as 10s or 1h.',
  default: formatDuration(fallbackMs),
});
export const size = (description: string, fallbackBytes: number): SchemaNode => ({
  description,
  type: ['integer', 'string'],
  minimum: 0,
  pattern: SIZE_PATTERN,
  patternErrorMessage: 'Write a number of bytes, or one with a unit of KiB, MiB or GiB, such as 16MiB.',
  errorMessage: 'Write a number of bytes, or one with a unit of KiB, MiB or GiB, such as 16MiB.',
  default: formatBytes(fallbackBytes),
});
export const object = (
  description: string,
  properties: Record<string, SchemaNode>,
  extra: Extra = {},
): SchemaNode => ({
  description,
  type: 'object',
  properties,
  additionalProperties: false,
  ...extra,
});
export const record = (
  description: string,
  names: SchemaNode,
  values: SchemaNode,
  extra: Extra = {},
): SchemaNode => ({
  description,
  type: 'object',
  propertyNames: names,
  additionalProperties: values,
  ...extra,
});
export const list = (description: string, items: SchemaNode, extra: Extra = {}): SchemaNode => ({
  description,
  type: 'array',
  items,
  uniqueItems: true,
  ...extra,
});

export const NAME: SchemaNode = {
  type: 'string',
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,62}$',
  patternErrorMessage: 'Use at most 63 letters, digits and the characters _ . @ + - (not first: . @ + -).',
};
export const LABEL: SchemaNode = {
  type: 'string',
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  patternErrorMessage: 'Write labels in lower snake case, such as card_number.',
};
/** One label or several. */
export const LABELS: SchemaNode = {
  ...LABEL,
  type: ['string', 'array'],
  items: LABEL,
  minItems: 1,
  maxItems: 8,
  uniqueItems: true,
};
export const RELATION: SchemaNode = {
  type: 'string',
  pattern: '^[^.]+\\.[^.]+$',
  patternErrorMessage: 'Write schema.table as the catalog spells it, such as public.customers.',
};

export const secret = (description: string): SchemaNode =>
  object(
    description,
    {
      env: text('The environment variable that holds it.', {
        pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
        patternErrorMessage: 'Give the name of the variable alone, such as SHOP_PASSWORD, without $.',
        examples: ['SHOP_PASSWORD'],
      }),
      file: text('The file that holds it; one line break at its end is ignored.', {
        examples: ['/run/secrets/shop'],
      }),
    },
    {
      minProperties: 1,
      maxProperties: 1,
      errorMessage:
        'Write { env: NAME } or { file: path }; a password never stands in the configuration itself.',
    },
  );
