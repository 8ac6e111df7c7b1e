/**
 * Judges custom masks: a term is accepted if it can be proved to raise for no value, to depend on nothing but the value, and to keep its
 * type. What it may use stands in a table; how large numbers and texts can become is followed through it, for what is too large raises.
 */
import type { MaskTerm, MaskValueType } from '../model/mask-term.ts';
import { maskTermError } from './mask-term-parser.ts';

/** What is known of a term's result, whatever the value is. */
type Judged =
  | { readonly type: 'null' | 'boolean' }
  /** The value itself, or what is made of such: of the column's type, and never another number than some that stands there. */
  | { readonly type: 'number' }
  /** Computed: between those bounds. */
  | { readonly type: 'integer'; readonly min: number; readonly max: number }
  /** At most so many bytes for each of the value, and so many more. */
  | { readonly type: 'text'; readonly share: number; readonly bytes: number; readonly literal?: string };

type Text = Extract<Judged, { type: 'text' }>;

/** A text has less than a gigabyte. */
const MAX_LENGTH = 2 ** 30;
const MAX_INTEGER = 2 ** 31 - 1;
/** Beyond what the value itself takes: enough for a mask, too little to matter beside a gigabyte. */
const MAX_BYTES = 10_000;
/** Letters may take more bytes in the other case. */
const CASE_GROWTH = 3;
const MAX_CHARACTER_BYTES = 4;

const LENGTH: Judged = { type: 'integer', min: 0, max: MAX_LENGTH };

type Rule = (args: readonly Judged[], name: string) => Judged;

/** Not longer than the first argument. */
const keeps: Rule = ([first]) => {
  const { share, bytes } = textOf(first);
  return { type: 'text', share, bytes };
};

/** left(text, n), right(text, n): not longer than the text, nor than n characters. */
const cut: Rule = (args, name) => {
  requireCount(args, name, 2);
  const { min, max } = integerOf(args[1], name);
  const isShort = min >= 0 && max * MAX_CHARACTER_BYTES <= MAX_BYTES;
  return isShort ? { type: 'text', share: 0, bytes: max * MAX_CHARACTER_BYTES } : keeps(args, name);
};

const otherCase: Rule = (args, name) => {
  requireCount(args, name, 1);
  const { share, bytes } = textOf(args[0], name);
  return { type: 'text', share: share * CASE_GROWTH, bytes: bytes * CASE_GROWTH };
};

const measure: Rule = (args, name) => {
  requireCount(args, name, 1);
  const { share, bytes } = textOf(args[0], name);
  return share === 0 ? { type: 'integer', min: 0, max: bytes } : LENGTH;
};

const trim: Rule = (args, name) => {
  if (args.length !== 1) requireCount(args, name, 2);
  for (const each of args) textOf(each, name);
  return keeps(args, name);
};

/** Padded to so many characters, and cut there. */
const pad: Rule = (args, name) => {
  requireCount(args, name, 3);
  textOf(args[0], name);
  literalOf(args[2], name);
  const { min, max } = integerOf(args[1], name);
  if (min < 0 || max * MAX_CHARACTER_BYTES > MAX_BYTES) throw tooLarge(name);
  return { type: 'text', share: 0, bytes: max * MAX_CHARACTER_BYTES };
};

/** In every branch, so that a mask is of one type. */
const oneOf: Rule = (args, name) => {
  if (args.length === 0) throw wrongCount(name, 'at least one');
  return args.reduce(unite);
};

/** Everything that a mask may call. All of it is immutable in PostgreSQL 14 to 18, which the catalog is asked about once more. */
const FUNCTIONS: Readonly<Record<string, Rule>> = {
  left: cut,
  right: cut,
  lower: otherCase,
  upper: otherCase,
  initcap: otherCase,
  reverse: (args, name) => {
    requireCount(args, name, 1);
    return keeps(args, name);
  },
  length: measure,
  char_length: measure,
  octet_length: measure,
  strpos: (args, name) => {
    requireCount(args, name, 2);
    textOf(args[0], name);
    textOf(args[1], name);
    return LENGTH;
  },
  starts_with: (args, name) => {
    requireCount(args, name, 2);
    textOf(args[0], name);
    textOf(args[1], name);
    return { type: 'boolean' };
  },
  btrim: trim,
  ltrim: trim,
  rtrim: trim,
  lpad: pad,
  rpad: pad,
  repeat: (args, name) => {
    requireCount(args, name, 2);
    if (!/^[ -~]$/.test(literalOf(args[0], name)))
      throw refused(name, 'repeats one ASCII character only', "Write repeat('*', …).");
    const { max } = integerOf(args[1], name);
    // How often is told by a length: then it is not longer than the value.
    return max <= MAX_BYTES
      ? { type: 'text', share: 0, bytes: Math.max(0, max) }
      : { type: 'text', share: 1, bytes: Math.max(0, max - MAX_LENGTH) };
  },
  replace: (args, name) => {
    requireCount(args, name, 3);
    const [from, to] = [literalOf(args[1], name), literalOf(args[2], name)];
    if (from === '' || byteLength(to) > byteLength(from))
      throw refused(name, 'must not make the text longer', 'Replace by a text of at most as many bytes.');
    return keeps(args, name);
  },
  translate: (args, name) => {
    requireCount(args, name, 3);
    if (!/^[ -~]*$/.test(literalOf(args[2], name)))
      throw refused(
        name,
        'replaces by ASCII characters only',
        "Write translate(value, '0123456789', '9999999999').",
      );
    literalOf(args[1], name);
    return keeps(args, name);
  },
  split_part: (args, name) => {
    requireCount(args, name, 3);
    literalOf(args[1], name);
    const { min, max } = integerOf(args[2], name);
    if (min <= 0 && max >= 0) throw refused(name, 'has no part 0', 'Count from 1, or from -1 for the last.');
    return keeps(args, name);
  },
  substr: substring,
  substring,
  coalesce: oneOf,
  greatest: oneOf,
  least: oneOf,
};

/** substr(text, from [, count]) with a count that is not negative. */
function substring(args: readonly Judged[], name: string): Judged {
  if (args.length !== 2) requireCount(args, name, 3);
  const from = integerOf(args[1], name);
  const { min, max } = args.length === 2 ? { min: 0, max: MAX_LENGTH } : integerOf(args[2], name);
  if (min < 0)
    throw refused(
      name,
      'raises for a negative count',
      'Use a count that cannot be negative, or left and right.',
    );
  if (from.max + max > MAX_INTEGER || from.min < -MAX_BYTES) throw tooLarge(name);
  const isShort = max * MAX_CHARACTER_BYTES <= MAX_BYTES;
  return isShort ? { type: 'text', share: 0, bytes: max * MAX_CHARACTER_BYTES } : keeps(args, name);
}

/**
 * Proves that a term is a mask of values of that type.
 * @throws {SluiceError} config_invalid: why it is none, and what would be one
 */
export function checkMaskTerm(term: MaskTerm, value: MaskValueType): void {
  const judged = judge(term, value);
  const { type } = judged;
  if (type === 'null') return;
  if (value === 'integer' && isNumber(judged)) return;
  if (value === 'text' && type === 'text') return;
  throw maskTermError(
    `the mask yields ${type === 'boolean' ? 'a truth value' : `${type === 'text' ? 'a text' : 'a number'}`} for ${value === 'text' ? 'a text' : 'a number'}`,
    'A mask keeps the type of its column: a text for texts, one of the numbers for whole numbers.',
  );
}

function judge(term: MaskTerm, value: MaskValueType): Judged {
  const judged = judgeUnbounded(term, value);
  if (judged.type !== 'text' || (judged.share <= 1 && judged.bytes <= MAX_BYTES)) return judged;
  throw maskTermError(
    'a mask could make a text longer than a text can be',
    'Cut the value before it is repeated or its case is changed: lower(left(value, 100)).',
  );
}

function judgeUnbounded(term: MaskTerm, value: MaskValueType): Judged {
  const of = (each: MaskTerm): Judged => judge(each, value);
  switch (term.op) {
    case 'value':
      return value === 'text' ? { type: 'text', share: 1, bytes: 0 } : { type: 'number' };
    case 'string':
      return { type: 'text', share: 0, bytes: byteLength(term.value), literal: term.value };
    case 'integer':
      return { type: 'integer', min: term.value, max: term.value };
    case 'null':
      return { type: 'null' };
    case 'call': {
      const rule = Object.hasOwn(FUNCTIONS, term.name) ? FUNCTIONS[term.name] : undefined;
      if (rule === undefined) throw unknownFunction(term.name);
      return rule(term.args.map(of), term.name);
    }
    case 'binary':
      return judgeBinary(term.operator, of(term.left), of(term.right));
    case 'and':
    case 'or':
      requireBoolean(of(term.left));
      requireBoolean(of(term.right));
      return { type: 'boolean' };
    case 'not':
      requireBoolean(of(term.arg));
      return { type: 'boolean' };
    case 'is-null':
      of(term.arg);
      return { type: 'boolean' };
    case 'case':
      for (const [condition] of term.whens) requireBoolean(of(condition));
      return [...term.whens.map(([, result]) => of(result)), of(term.otherwise)].reduce(unite);
  }
}

function judgeBinary(
  operator: Extract<MaskTerm, { op: 'binary' }>['operator'],
  left: Judged,
  right: Judged,
): Judged {
  switch (operator) {
    case '||': {
      const [a, b] = [textOf(left, '||'), textOf(right, '||')];
      return { type: 'text', share: a.share + b.share, bytes: a.bytes + b.bytes };
    }
    case '+':
    case '-': {
      const [a, b] = [integerOf(left, operator), integerOf(right, operator)];
      const [min, max] = operator === '+' ? [a.min + b.min, a.max + b.max] : [a.min - b.max, a.max - b.min];
      if (min < -MAX_INTEGER || max > MAX_INTEGER) throw tooLarge(operator);
      return { type: 'integer', min, max };
    }
    case 'like':
    case 'not like':
      textOf(left, 'LIKE');
      if (literalOf(right, 'LIKE').includes('\\'))
        throw refused('LIKE', 'may raise where its pattern has a backslash', 'Use a pattern without one.');
      return { type: 'boolean' };
    default:
      unite(left, right);
      return { type: 'boolean' };
  }
}

/** What is one or the other. */
function unite(a: Judged, b: Judged): Judged {
  if (a.type === 'null') return b;
  if (b.type === 'null') return a;
  if (a.type === 'text' && b.type === 'text')
    return { type: 'text', share: Math.max(a.share, b.share), bytes: Math.max(a.bytes, b.bytes) };
  if (a.type === 'integer' && b.type === 'integer')
    return { type: 'integer', min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
  // A constant that the column's type cannot hold makes the mask one that the column has no room for.
  if (isNumber(a) && isNumber(b)) return { type: 'number' };
  if (a.type === b.type) return a;
  throw maskTermError(
    'a mask compares or mixes values of different types',
    'Compare texts with texts and numbers with numbers; value is what the column holds.',
  );
}

const isNumber = ({ type }: Judged): boolean => type === 'number' || type === 'integer';

function textOf(judged: Judged | undefined, name = 'it'): Text {
  if (judged?.type === 'text') return judged;
  throw refused(name, 'takes a text there', 'value is a text in columns of texts only.');
}

function literalOf(judged: Judged | undefined, name: string): string {
  const { literal } = textOf(judged, name);
  if (literal !== undefined) return literal;
  throw refused(name, 'takes a constant text there', "Write it out: '…'.");
}

function integerOf(judged: Judged | undefined, name: string): Extract<Judged, { type: 'integer' }> {
  if (judged?.type !== 'integer')
    throw refused(name, 'takes a number there', 'Use a constant, or length(value) plus or minus one.');
  if (judged.min < -MAX_INTEGER || judged.max > MAX_INTEGER) throw tooLarge(name);
  return judged;
}

function requireBoolean({ type }: Judged): void {
  if (type === 'boolean' || type === 'null') return;
  throw maskTermError(
    'a condition of a mask is no truth value',
    'Write a comparison, LIKE, IS NULL, or starts_with.',
  );
}

function requireCount(args: readonly Judged[], name: string, count: number): void {
  if (args.length !== count) throw wrongCount(name, String(count));
}

function wrongCount(name: string, wanted: string) {
  return refused(name, `takes ${wanted} arguments`, 'See docs/masking.md for what it takes.');
}

function refused(name: string, why: string, hint: string) {
  return maskTermError(`in a mask, ${name} ${why}`, hint);
}

function tooLarge(name: string) {
  return refused(name, 'could go beyond what a number or a text can be', 'Use smaller constants.');
}

function unknownFunction(name: string) {
  return maskTermError(
    `nobody has proved that ${name.slice(0, 63)} raises for no value`,
    `A mask may use ${Object.keys(FUNCTIONS).join(', ')}.`,
  );
}

const byteLength = (text: string): number => Buffer.byteLength(text, 'utf8');
