/**
 * Columns and samples of their values → proposals of labels. Pure; samples are looked at and forgotten, and what a proposal shows
 * of them is masked.
 */
import type { RelationId } from '../../model/facts.ts';
import type { Label } from '../../model/labels.ts';
import { judgeName, kindOfType, type NameFinding } from './name-detectors.ts';
import { type Strength, type ValueDetector, valueDetectors } from './value-detectors.ts';

/** A column as it is found. */
export interface SampledColumn {
  readonly relation: RelationId;
  readonly column: string;
  /** As PostgreSQL's format_type names it. */
  readonly type: string;
  /** Values as texts, cut to 200 characters; of JSON, whole documents. Nulls left out. */
  readonly values: readonly string[];
}

export interface LabelProposal {
  readonly relation: RelationId;
  readonly column: string;
  readonly label: Label;
  /** 0 to 1. From 0.9 on it is as good as certain, below 0.6 a guess. */
  readonly confidence: number;
  /** Why, for people. */
  readonly evidence: readonly string[];
  /** Up to three values, masked. */
  readonly examples: readonly string[];
  /** Keys of a JSON document, if it is one. */
  readonly path?: readonly string[];
}

export interface DiscoveryOptions {
  /** Where phone numbers without a country code are from: ISO 3166-1 alpha-2. */
  readonly region?: string;
  /** Proposals below it are left out. Default 0.5. */
  readonly minConfidence?: number;
}

/** At most one proposal a column, the most confident; of a JSON column one a path. Sorted by relation and column. */
export function discoverLabels(
  columns: readonly SampledColumn[],
  { region, minConfidence = 0.5 }: DiscoveryOptions = {},
): readonly LabelProposal[] {
  const detectors = valueDetectors(region);
  return columns
    .flatMap((column) =>
      kindOfType(column.type) === 'json' ? proposeForJson(column, detectors) : [propose(column, detectors)],
    )
    .filter((proposal) => proposal !== undefined)
    .filter(({ confidence }) => confidence >= minConfidence)
    .sort(
      (a, b) =>
        compare(a.relation, b.relation) ||
        compare(a.column, b.column) ||
        compare(a.path?.join() ?? '', b.path?.join() ?? ''),
    );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What the values alone prove, by the share of them that match. */
const BY_STRENGTH: Readonly<Record<Strength, readonly [least: number, confidence: number]>> = {
  proof: [0.6, 0.93],
  format: [0.7, 0.8],
  words: [0.5, 0.6],
};
const MIN_VALUES = 3;

interface ValueFinding {
  readonly detector: ValueDetector;
  readonly share: number;
  readonly confidence: number;
}

function propose(
  { relation, column, type, values }: SampledColumn,
  detectors: readonly ValueDetector[],
): LabelProposal | undefined {
  const byName = judgeName(column, kindOfType(type));
  const texts = distinctTexts(values);
  const byValues = judgeValues(texts, detectors, byName);
  const best = combine(byName, byValues);
  if (best === undefined) return undefined;
  const evidence = [
    ...(byName?.label === best.label ? [`its name`] : []),
    ...(byValues?.detector.label === best.label
      ? [`${Math.round(byValues.share * 100)} % of ${texts.length} values are ${byValues.detector.what}`]
      : []),
  ];
  return {
    relation,
    column,
    ...best,
    evidence,
    examples: [...new Set(texts.slice(0, 50).map(veil))].slice(0, 3),
  };
}

function distinctTexts(values: readonly string[]): readonly string[] {
  return [...new Set(values.map((value) => value.trim()).filter((value) => value !== ''))];
}

/** The detector that explains the values best; a name that says the same lowers what they must prove. */
function judgeValues(
  texts: readonly string[],
  detectors: readonly ValueDetector[],
  byName: NameFinding | undefined,
): ValueFinding | undefined {
  if (texts.length < MIN_VALUES) return undefined;
  let best: ValueFinding | undefined;
  for (const detector of detectors) {
    const share = texts.filter((text) => detector.matches(text)).length / texts.length;
    const [least, proven] = BY_STRENGTH[detector.strength];
    const expected = byName !== undefined && isKin(byName.label, detector.label);
    if (share < (expected ? least / 2 : least)) continue;
    const confidence = proven * (0.7 + 0.3 * share);
    if (best === undefined || confidence > best.confidence) best = { detector, share, confidence };
  }
  return best;
}

/** Names of people come as one column or several. */
const NAMES: readonly Label[] = ['name', 'first_name', 'last_name'];
const isKin = (a: Label, b: Label): boolean => a === b || (NAMES.includes(a) && NAMES.includes(b));

function combine(
  byName: NameFinding | undefined,
  byValues: ValueFinding | undefined,
): Pick<LabelProposal, 'label' | 'confidence'> | undefined {
  if (byValues === undefined)
    return byName && { label: byName.label, confidence: round(byName.confidence * 0.9) };
  const { label } = byValues.detector;
  if (byName === undefined) return { label, confidence: round(byValues.confidence) };
  if (isKin(byName.label, label)) {
    // Two that agree leave as much doubt as both together.
    const doubt = (1 - byName.confidence) * (1 - byValues.confidence);
    return { label: byName.label, confidence: round(1 - doubt) };
  }
  return byValues.confidence >= byName.confidence
    ? { label, confidence: round(byValues.confidence) }
    : { label: byName.label, confidence: round(byName.confidence * 0.9) };
}

const round = (confidence: number): number => Math.min(0.99, Math.round(confidence * 100) / 100);

const MAX_PATHS = 200;
const MAX_DEPTH = 6;

/** Each path of the documents is judged like a column of its last key's name. */
function proposeForJson(
  { relation, column, values }: SampledColumn,
  detectors: readonly ValueDetector[],
): (LabelProposal | undefined)[] {
  const paths = new Map<string, string[]>();
  const walk = (value: unknown, path: readonly string[]): void => {
    if (path.length > MAX_DEPTH) return;
    if (Array.isArray(value)) for (const each of value.slice(0, 20)) walk(each, path);
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value).slice(0, 100)) walk(inner, [...path, key]);
    else if (path.length > 0 && (typeof value === 'string' || typeof value === 'number')) {
      const key = JSON.stringify(path);
      const known = paths.get(key);
      if (known !== undefined) known.push(String(value).slice(0, 200));
      else if (paths.size < MAX_PATHS) paths.set(key, [String(value).slice(0, 200)]);
    }
  };
  for (const value of values) {
    try {
      walk(JSON.parse(value), []);
    } catch {
      // Cut off, or not JSON at all: other documents tell.
    }
  }
  return [...paths].map(([key, texts]) => {
    const path = JSON.parse(key) as string[];
    const found = propose({ relation, column: path.at(-1)!, type: 'text', values: texts }, detectors);
    return found && { ...found, column, path };
  });
}

/** What may be shown of a value: how it is built, and its first character. */
export function veil(value: string): string {
  const shown = value.length > 24 ? `${value.slice(0, 24)}…` : value;
  return [...shown]
    .map((character, index) =>
      index === 0 ? character : /[\p{L}]/u.test(character) ? 'x' : /\p{N}/u.test(character) ? '9' : character,
    )
    .join('');
}
