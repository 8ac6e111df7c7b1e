/** Numbers and ranges of them, as people write them: `7`, `>10k`, `<=2s`, `10..20`, `1MiB..`. Pure. */

export interface NumberRange {
  /** Both ends included. */
  readonly from: number;
  readonly to: number;
}

export type Unit = 'bytes' | 'duration' | undefined;

type Factors = Readonly<Record<string, number>>;

const PLAIN: Factors = { '': 1, k: 1e3, m: 1e6, g: 1e9 };
const UNITS: Readonly<Record<'bytes' | 'duration', Factors>> = {
  bytes: { ...PLAIN, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 },
  /** Microseconds. */
  duration: { us: 1, ms: 1e3, s: 1e6, m: 60e6, min: 60e6, h: 3600e6, '': 1e3 },
};

/** What may be written, for hints. */
export const NUMBER_FORMS = {
  plain: '100, >10k, <=5, 10..20 or 1M..',
  bytes: '4096, >1MiB, <=10kB or 1MiB..1GiB',
  duration: '>100ms, <=2s or 1s..1m',
} as const;

/** @returns undefined for what is no range */
export function rangeOf(text: string, unit: Unit): NumberRange | undefined {
  const between = /^(.*?)\.\.(.*)$/.exec(text);
  if (between !== null) {
    const [from, to] = [between[1] as string, between[2] as string];
    if (from === '' && to === '') return undefined;
    return range(
      from === '' ? 0 : numberOf(from, unit),
      to === '' ? Number.POSITIVE_INFINITY : numberOf(to, unit),
    );
  }
  const compared = /^(>=|<=|>|<|=)?(.+)$/.exec(text);
  const value = compared === null ? undefined : numberOf(compared[2] as string, unit);
  if (value === undefined) return undefined;
  switch (compared?.[1]) {
    case '>':
      return range(Math.floor(value) + 1, Number.POSITIVE_INFINITY);
    case '>=':
      return range(Math.ceil(value), Number.POSITIVE_INFINITY);
    case '<':
      return range(0, Math.ceil(value) - 1);
    case '<=':
      return range(0, Math.floor(value));
    default:
      return range(value, value);
  }
}

function range(from: number | undefined, to: number | undefined): NumberRange | undefined {
  return from === undefined || to === undefined ? undefined : { from: Math.ceil(from), to: Math.floor(to) };
}

function numberOf(text: string, unit: Unit): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)([a-z]{0,3})$/i.exec(text);
  if (match === null) return undefined;
  const factor = (unit === undefined ? PLAIN : UNITS[unit])[(match[2] as string).toLowerCase()];
  return factor === undefined ? undefined : Number(match[1]) * factor;
}
