/**
 * Durations (`500ms`, `10s`, `1h`) and sizes (`16MiB`) as people write them in the configuration and on the command line.
 */

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** What `parseDurationMs` takes, for schemas. */
export const DURATION_PATTERN = '^[0-9]{1,9}(ms|s|m|h|d)$';
/** What `parseBytes` takes as text, for schemas. */
export const SIZE_PATTERN = '^[0-9]{1,9}(B|KiB|MiB|GiB)?$';

/** `1h` → 3600000; undefined for anything that is not one whole number and one unit of ms, s, m, h, d. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * MS_PER_UNIT[match[2]!]!;
}

/** `16MiB` or a plain number → bytes; undefined for anything else. */
export function parseBytes(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const match = /^([0-9]{1,9})(B|KiB|MiB|GiB)?$/.exec(value);
  return match === null ? undefined : Number(match[1]) * BYTES_PER_UNIT[match[2] ?? '']!;
}

/** The shortest exact way to write a duration: 5400000 → `90m`. */
export function formatDuration(ms: number): string {
  const unit = ['d', 'h', 'm', 's'].find((name) => ms > 0 && ms % MS_PER_UNIT[name]! === 0) ?? 'ms';
  return `${ms / MS_PER_UNIT[unit]!}${unit}`;
}

/** The shortest exact way to write a size: 1048576 → `1MiB`. */
export function formatBytes(bytes: number): string {
  const unit = ['GiB', 'MiB', 'KiB'].find((name) => bytes > 0 && bytes % BYTES_PER_UNIT[name]! === 0) ?? 'B';
  return `${bytes / BYTES_PER_UNIT[unit]!}${unit}`;
}
