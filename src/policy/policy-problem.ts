/** What is wrong with policy files, as their author reads it: file, line, column, problem, and the fix if Cedar has one. Pure. */
import { SluiceError } from '../errors/sluice-error.ts';
import type { DetailedError } from './cedar.ts';
import { offsetOfByte, positionAt } from './source-text.ts';

export interface PolicySource {
  /** Its name in errors and in the ids of policies without `@id`. */
  readonly file: string;
  readonly text: string;
}

/** One thing wrong with one file. */
export interface Problem {
  readonly source: PolicySource;
  /** UTF-16 offset into the file. */
  readonly offset: number;
  readonly message: string;
  readonly help?: string | null;
}

const MAX_PROBLEMS_SHOWN = 10;

/** Cedar reports in no particular order; the same mistake must read the same each time. */
export function byPlace(sources: readonly PolicySource[]): (a: Problem, b: Problem) => number {
  return (a, b) => {
    const files = sources.indexOf(a.source) - sources.indexOf(b.source);
    if (files !== 0) return files;
    return a.offset === b.offset ? (a.message < b.message ? -1 : 1) : a.offset - b.offset;
  };
}

/** A problem Cedar found in `text`, which stands in the file from `start`. */
export function problemOf(source: PolicySource, text: string, start: number, error: DetailedError): Problem {
  const location = error.sourceLocations?.[0];
  return {
    source,
    offset: start + offsetOfByte(text, location?.start ?? 0),
    message: withExpectation(bare(error.message), location?.label),
    help: error.help,
  };
}

/** Cedar says which policy or that it was a string; the file and line say it better. */
function bare(message: string): string {
  return message.replace(
    /^failed to parse polic(y|ies)( with id `[^`]*`)? from string: |^for policy `[^`]*`, /,
    '',
  );
}

function withExpectation(message: string, label: string | null | undefined): string {
  return label === null || label === undefined ? message : `${message}: ${label}`;
}

/** One error for all of them; `problems` must not be empty. */
export function asError(problems: readonly Problem[]): SluiceError {
  const lines = problems.slice(0, MAX_PROBLEMS_SHOWN).map(({ source, offset, message, help }) => {
    const { line, column } = positionAt(source.text, offset);
    return { text: `${source.file}:${line}:${column}: ${message}`, help };
  });
  const hint = lines.find((line) => typeof line.help === 'string')?.help;
  const left = problems.length - lines.length;
  const detail = [...lines.map((line) => line.text), ...(left > 0 ? [`and ${left} more`] : [])].join('\n');
  return new SluiceError('policy_invalid', lines[0]!.text, {
    ...(problems.length > 1 ? { detail } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  });
}
