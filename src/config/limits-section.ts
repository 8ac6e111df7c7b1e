/** `tokens`, `taint`, `behaviour` and `limits`: numbers, durations and sizes with their bounds. */
import type { BehaviourSettings, Limits, TaintConfig, TokenConfig } from './config.ts';
import { DEFAULT_BEHAVIOUR, DEFAULT_LIMITS, DEFAULT_TAINT, DEFAULT_TOKENS } from './config-defaults.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { formatBytes, formatDuration, parseBytes, parseDurationMs } from './quantity.ts';
import type { RawConfig } from './raw-config.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const KIB = 1024;
const GIB = 1024 ** 3;

type Bounds = readonly [least: number, most: number];

export const KEEP_ALIVE_BOUNDS: Bounds = [0, 2 * HOUR];

export function readTokens(reading: ConfigReading, raw: RawConfig['tokens'] = {}): TokenConfig {
  const bounds: Bounds = [SECOND, 366 * DAY];
  const maxTtlMs = readDuration(reading, ['tokens', 'maxTtl'], raw.maxTtl, DEFAULT_TOKENS.maxTtlMs, bounds);
  const fallback = Math.min(DEFAULT_TOKENS.defaultTtlMs, maxTtlMs);
  const defaultTtlMs = readDuration(reading, ['tokens', 'defaultTtl'], raw.defaultTtl, fallback, bounds);
  if (defaultTtlMs > maxTtlMs) {
    reading.error(
      ['tokens', 'defaultTtl'],
      'defaultTtl is longer than maxTtl',
      `Write ${formatDuration(maxTtlMs)} or less.`,
    );
  }
  const {
    maxActivePerPrincipal = DEFAULT_TOKENS.maxActivePerPrincipal,
    scramIterations = DEFAULT_TOKENS.scramIterations,
  } = raw;
  return { defaultTtlMs, maxTtlMs, maxActivePerPrincipal, scramIterations };
}

export function readTaint(reading: ConfigReading, raw: RawConfig['taint'] = {}): TaintConfig {
  const { rememberMs, per } = DEFAULT_TAINT;
  const path = ['taint', 'remember'];
  return {
    rememberMs: readDuration(reading, path, raw.remember, rememberMs, [0, 30 * DAY]),
    per: raw.per ?? per,
  };
}

export function readBehaviour(reading: ConfigReading, raw: RawConfig['behaviour'] = {}): BehaviourSettings {
  const { learnMs, windowMs, rememberMs } = DEFAULT_BEHAVIOUR;
  const time = (key: 'learn' | 'window' | 'remember', fallback: number, bounds: Bounds) =>
    readDuration(reading, ['behaviour', key], raw[key], fallback, bounds);
  return {
    learnMs: time('learn', learnMs, [1000, 365 * DAY]),
    windowMs: time('window', windowMs, [1000, 365 * DAY]),
    rememberMs: time('remember', rememberMs, [1000, 30 * DAY]),
  };
}

export function readLimits(reading: ConfigReading, raw: RawConfig['limits'] = {}): Limits {
  const time = (key: string, text: string | undefined, fallback: number, bounds: Bounds) =>
    readDuration(reading, ['limits', key], text, fallback, bounds);
  const limits: Limits = {
    maxConnections: raw.maxConnections ?? DEFAULT_LIMITS.maxConnections,
    maxConnectionsPerPrincipal: raw.maxConnectionsPerPrincipal ?? DEFAULT_LIMITS.maxConnectionsPerPrincipal,
    startupTimeoutMs: time('startupTimeout', raw.startupTimeout, DEFAULT_LIMITS.startupTimeoutMs, [
      100,
      HOUR,
    ]),
    upstreamConnectTimeoutMs: time(
      'upstreamConnectTimeout',
      raw.upstreamConnectTimeout,
      DEFAULT_LIMITS.upstreamConnectTimeoutMs,
      [100, HOUR],
    ),
    idleSessionTimeoutMs: time(
      'idleSessionTimeout',
      raw.idleSessionTimeout,
      DEFAULT_LIMITS.idleSessionTimeoutMs,
      [0, 7 * DAY],
    ),
    idleInTransactionTimeoutMs: time(
      'idleInTransactionTimeout',
      raw.idleInTransactionTimeout,
      DEFAULT_LIMITS.idleInTransactionTimeoutMs,
      [0, 7 * DAY],
    ),
    drainTimeoutMs: time('drainTimeout', raw.drainTimeout, DEFAULT_LIMITS.drainTimeoutMs, [0, DAY]),
    maxStatementBytes: readSize(
      reading,
      ['limits', 'maxStatementBytes'],
      raw.maxStatementBytes,
      DEFAULT_LIMITS.maxStatementBytes,
      [KIB, GIB / 16],
    ),
    maxMessageBytes: readSize(
      reading,
      ['limits', 'maxMessageBytes'],
      raw.maxMessageBytes,
      DEFAULT_LIMITS.maxMessageBytes,
      [16 * KIB, GIB],
    ),
    authFailureDelayMs: time('authFailureDelay', raw.authFailureDelay, DEFAULT_LIMITS.authFailureDelayMs, [
      1,
      60 * SECOND,
    ]),
    authFailureMaxDelayMs: time(
      'authFailureMaxDelay',
      raw.authFailureMaxDelay,
      DEFAULT_LIMITS.authFailureMaxDelayMs,
      [1, 60 * SECOND],
    ),
  };
  checkOrder(reading, limits);
  return limits;
}

function checkOrder(reading: ConfigReading, limits: Limits): void {
  if (limits.maxStatementBytes > limits.maxMessageBytes) {
    reading.error(
      ['limits', 'maxStatementBytes'],
      'maxStatementBytes is more than maxMessageBytes',
      `Write ${formatBytes(limits.maxMessageBytes)} or less, or raise maxMessageBytes.`,
    );
  }
  if (limits.authFailureDelayMs > limits.authFailureMaxDelayMs) {
    reading.error(
      ['limits', 'authFailureDelay'],
      'authFailureDelay is longer than authFailureMaxDelay',
      `Write ${formatDuration(limits.authFailureMaxDelayMs)} or less.`,
    );
  }
}

export function readDuration(
  reading: ConfigReading,
  path: ConfigPath,
  text: string | undefined,
  fallbackMs: number,
  bounds: Bounds,
): number {
  const ms = text === undefined ? fallbackMs : parseDurationMs(text)!;
  return within(reading, path, ms, fallbackMs, bounds, formatDuration);
}

export function readSize(
  reading: ConfigReading,
  path: ConfigPath,
  value: string | number | undefined,
  fallbackBytes: number,
  bounds: Bounds,
): number {
  const bytes = value === undefined ? fallbackBytes : parseBytes(value)!;
  return within(reading, path, bytes, fallbackBytes, bounds, formatBytes);
}

function within(
  reading: ConfigReading,
  path: ConfigPath,
  value: number,
  fallback: number,
  [least, most]: Bounds,
  format: (value: number) => string,
): number {
  if (value >= least && value <= most) return value;
  const range = `between ${format(least)} and ${format(most)}`;
  reading.error(path, `${path.at(-1)} must be ${range}`, `Write a value ${range}.`);
  return fallback;
}
