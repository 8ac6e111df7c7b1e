/** What workers write to stderr, as lines of the gateway's one log. */
import type { Logger } from 'pino';

const LEVELS: Readonly<Record<number, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const MAX_LINE_LENGTH = 16_384;

/** Logs a line of worker `lane`: as it was meant if the worker's own log wrote it, as an error if the runtime did. */
export function relayLogLine(log: Logger, lane: number, line: string): void {
  const { level, msg, fields } = readLine(line);
  log[level]({ ...fields, worker: lane }, msg);
}

function readLine(line: string) {
  const text = line.slice(0, MAX_LINE_LENGTH);
  try {
    const { level, time: _, pid, msg, ...fields } = JSON.parse(text) as Record<string, unknown>;
    const known = LEVELS[level as number];
    if (known !== undefined)
      return { level: known, msg: String(msg ?? ''), fields: { ...fields, workerPid: pid } };
  } catch {
    // Not the log's: a crash, a warning of the runtime.
  }
  return { level: 'error' as const, msg: text, fields: {} };
}
