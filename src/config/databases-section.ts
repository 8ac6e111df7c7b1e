/** `databases`: where they are, how to log in, and what their columns hold. */
import { type ColumnLabel, UNTRUSTED } from '../model/labels.ts';
import type { DatabaseConfig } from './config.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { didYouMean } from './nearest-name.ts';
import type { RawDatabase } from './raw-config.ts';
import { readUpstream } from './upstream-section.ts';

export function readDatabase(reading: ConfigReading, name: string, raw: RawDatabase): DatabaseConfig {
  const path = ['databases', name];
  const labels = readLabels(raw);
  checkMasks(reading, path, raw, labels);
  return {
    name,
    environment: raw.environment,
    engine: raw.engine,
    upstream: readUpstream(reading, path, name, raw),
    ...(raw.preview === undefined
      ? {}
      : { preview: readUpstream(reading, [...path, 'preview'], raw.database ?? name, raw.preview) }),
    labels,
    subjects: readSubjects(reading, path, raw),
    decided: entriesOf(raw).flatMap(([relation, column, label]) =>
      label === DECIDED ? [`${relation}.${column}`] : [],
    ),
    suspects: raw.suspects ?? 'report',
    scan: raw.scan ?? 'off',
    masks: raw.masks ?? {},
    ...(raw.maxConnections === undefined ? {} : { maxConnections: raw.maxConnections }),
  };
}

/** Written in a label's place: somebody looked, and there is nothing to label. */
const DECIDED = 'none';

function entriesOf(raw: RawDatabase): (readonly [relation: string, column: string, label: string])[] {
  return Object.entries(raw.labels ?? {}).flatMap(([relation, columns]) =>
    Object.entries(columns).flatMap(([column, labels]) =>
      [labels].flat().map((label) => [relation, column, label] as const),
    ),
  );
}

/** A column, or a place in the documents of one: `address->street`, `address->'geo'->>'lat'`. */
function placeOf(text: string): Pick<ColumnLabel, 'column' | 'path'> {
  const [column, ...keys] = text.split(/->>?/).map((part) => part.trim());
  const path = keys.map((key) => /^'(.*)'$/.exec(key)?.[1] ?? key);
  return path.length === 0 ? { column: text } : { column: column!, path };
}

function readLabels(raw: RawDatabase): ColumnLabel[] {
  return entriesOf(raw).flatMap(([relation, place, label]) =>
    label === DECIDED ? [] : [{ relation, ...placeOf(place), label }],
  );
}

function readSubjects(reading: ConfigReading, path: ConfigPath, raw: RawDatabase): Map<string, string> {
  const subjects = new Map<string, string>();
  for (const [group, relations] of Object.entries(raw.subjects ?? {})) {
    for (const [index, relation] of relations.entries()) {
      const other = subjects.get(relation);
      if (other !== undefined)
        reading.error(
          [...path, 'subjects', group, index],
          `${relation} is about "${other}" already`,
          'Name it once.',
        );
      subjects.set(relation, group);
    }
  }
  return subjects;
}

function checkMasks(
  reading: ConfigReading,
  path: ConfigPath,
  raw: RawDatabase,
  labels: readonly ColumnLabel[],
): void {
  const used = new Set(labels.map(({ label }) => label).filter((label) => label !== UNTRUSTED));
  for (const label of Object.keys(raw.masks ?? {})) {
    if (used.has(label)) continue;
    const fix = didYouMean(label, used, 'Label a column with it, or remove the mask.');
    reading.warn([...path, 'masks', label], `no column has the label "${label}"`, fix, 'key');
  }
}
