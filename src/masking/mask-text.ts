/**
 * Masks as people write them: `last(4)`, `redact`, `date(month)`. Parses and formats; never applies a mask, that is the
 * business of a database's dialect.
 *
 *     mask     = "null" | "email"
 *              | "redact" [ "(" text ")" ]        a replacement, default ***
 *              | "last" "(" n ")"                 1 … 64 characters
 *              | "partial" "(" n ")"              1 … 64 characters
 *              | "date" "(" month|quarter|year ")"
 *              | "bucket" "(" size ")"            a number above 0
 *              | "hash" [ "(" rotation ")" ]      a pseudonym; another rotation, other pseudonyms
 *              | "constant" "(" text ")"
 *              | "sql" "(" expression ")"         over value: see mask-terms.ts
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { Mask } from '../model/labels.ts';
import type { MaskValueType } from '../model/mask-term.ts';
import { parseMaskTerm } from './mask-term-parser.ts';
import { checkMaskTerm } from './mask-terms.ts';

const MAX_KEPT_CHARACTERS = 64;
const MAX_TEXT_LENGTH = 200;
const MAX_EXPRESSION_LENGTH = 2_000;

type Parse = (argument: string | undefined) => Mask | undefined;

interface MaskForm {
  /** As shown in errors. */
  readonly usage: string;
  readonly parse: Parse;
}

/** Masks that people write; `paths` is made of several. */
type WrittenKind = Exclude<Mask['kind'], 'paths'>;

const FORMS: Readonly<Record<WrittenKind, MaskForm>> = {
  null: { usage: 'null', parse: (argument) => (argument === undefined ? { kind: 'null' } : undefined) },
  email: { usage: 'email', parse: (argument) => (argument === undefined ? { kind: 'email' } : undefined) },
  redact: {
    usage: 'redact or redact(text)',
    parse: (argument) => {
      if (argument === undefined) return { kind: 'redact' };
      return isText(argument) ? { kind: 'redact', replacement: argument } : undefined;
    },
  },
  last: { usage: 'last(n) with n from 1 to 64', parse: (argument) => kept('last', argument) },
  partial: { usage: 'partial(n) with n from 1 to 64', parse: (argument) => kept('partial', argument) },
  date: {
    usage: 'date(month), date(quarter) or date(year)',
    parse: (argument) =>
      argument === 'month' || argument === 'quarter' || argument === 'year'
        ? { kind: 'date', unit: argument }
        : undefined,
  },
  bucket: {
    usage: 'bucket(size) with a size above 0',
    parse: (argument) => {
      const size = argument !== undefined && /^\d{1,15}(\.\d{1,6})?$/.test(argument) ? Number(argument) : 0;
      return size > 0 ? { kind: 'bucket', size } : undefined;
    },
  },
  hash: {
    usage: 'hash or hash(rotation)',
    parse: (argument) => {
      if (argument === undefined) return { kind: 'hash' };
      return /^[\w.-]{1,32}$/.test(argument) ? { kind: 'hash', rotation: argument } : undefined;
    },
  },
  sql: {
    usage: "sql(expression) over value, such as sql(left(value, 2) || '…')",
    parse: (argument) => (argument === undefined ? undefined : customMask(argument)),
  },
  constant: {
    usage: 'constant(text)',
    parse: (argument) => (isText(argument) ? { kind: 'constant', value: argument } : undefined),
  },
};

/** @throws {SluiceError} config_invalid if it is a mask neither of texts nor of numbers, with why it is none of texts */
function customMask(expression: string): Mask | undefined {
  if (expression.length > MAX_EXPRESSION_LENGTH || /[\u0000-\u0008\u000e-\u001f\u007f]/.test(expression))
    return undefined;
  const term = parseMaskTerm(expression);
  const failures = new Map<MaskValueType, unknown>();
  for (const type of ['text', 'integer'] as const) {
    try {
      checkMaskTerm(term, type);
    } catch (failure) {
      failures.set(type, failure);
    }
  }
  if (failures.size === 2) throw failures.get('text');
  return {
    ...{ kind: 'sql', expression },
    ...(failures.has('text') ? {} : { text: term }),
    ...(failures.has('integer') ? {} : { integer: term }),
  };
}

function kept(kind: 'last' | 'partial', argument: string | undefined): Mask | undefined {
  const n = argument !== undefined && /^[0-9]{1,2}$/.test(argument) ? Number(argument) : 0;
  return n >= 1 && n <= MAX_KEPT_CHARACTERS ? { kind, n } : undefined;
}

/** Control characters have no business in a mask and would travel into statements. */
function isText(argument: string | undefined): argument is string {
  return (
    argument !== undefined && argument.length <= MAX_TEXT_LENGTH && !/[\u0000-\u001f\u007f]/.test(argument)
  );
}

const isKind = (name: string): name is WrittenKind => Object.hasOwn(FORMS, name);

/**
 * Reads a mask.
 * @throws {SluiceError} config_invalid, with the forms that exist as hint; callers add where the text stood.
 */
export function parseMask(text: string): Mask {
  const parts = /^([a-z]+)(?:\((.*)\))?$/s.exec(text.trim());
  const name = parts?.[1] ?? '';
  if (!isKind(name)) {
    throw new SluiceError('config_invalid', `there is no mask ${JSON.stringify(text)}`, {
      hint: `Use ${Object.values(FORMS)
        .map((form) => form.usage)
        .join('; ')}.`,
    });
  }
  const mask = FORMS[name].parse(parts?.[2]);
  if (mask !== undefined) return mask;
  throw new SluiceError('config_invalid', `the mask ${JSON.stringify(text)} is malformed`, {
    hint: `Write ${FORMS[name].usage}.`,
  });
}

/** Writes a mask such that `parseMask` reads it back; that of a document, path by path, for people. */
export function formatMask(mask: Mask): string {
  switch (mask.kind) {
    case 'null':
    case 'email':
      return mask.kind;
    case 'redact':
      return mask.replacement === undefined ? 'redact' : `redact(${mask.replacement})`;
    case 'last':
    case 'partial':
      return `${mask.kind}(${mask.n})`;
    case 'date':
      return `date(${mask.unit})`;
    case 'bucket':
      return `bucket(${mask.size})`;
    case 'hash':
      return mask.rotation === undefined ? 'hash' : `hash(${mask.rotation})`;
    case 'paths':
      return mask.paths.map(({ path, mask: inner }) => `${path.join('->')}: ${formatMask(inner)}`).join(', ');
    case 'constant':
      return `constant(${mask.value})`;
    case 'sql':
      return `sql(${mask.expression})`;
  }
}
