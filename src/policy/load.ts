/**
 * Policy files → a policy set that is safe to decide by: it parses, validates strictly against our schema, every annotation is
 * understood, every id is unique. Pure: whoever calls has read the files.
 *
 * https://docs.cedarpolicy.com/policies/validation.html
 */
import { createHash } from 'node:crypto';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRule } from '../model/decision.ts';
import { type PolicyNotes, readAnnotations } from './annotations.ts';
import { checkParsePolicySet, type DetailedError, type PolicyJson, policyToJson, validate } from './cedar.ts';
import { cedarSchema } from './schema.ts';
import { offsetOfByte, type PolicyText, positionAt, splitPolicies } from './source-text.ts';

export interface PolicySource {
  /** Its name in errors and in the ids of policies without `@id`. */
  readonly file: string;
  readonly text: string;
}

export interface Policy extends PolicyNotes {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly file: string;
  /** 1-based line of its first annotation or keyword. */
  readonly line: number;
  readonly text: string;
  readonly json: PolicyJson;
  readonly approval?: ApprovalRule;
}

/** What decisions are made by. Immutable. */
export interface PolicySet {
  /** Hex SHA-256 over the sources, the first 16 digits. */
  readonly version: string;
  /** In order of the files given, then of the text. */
  readonly policies: readonly Policy[];
}

/** One thing wrong with one file. */
interface Problem {
  readonly source: PolicySource;
  /** UTF-16 offset into the file. */
  readonly offset: number;
  readonly message: string;
  readonly help?: string | null;
}

const MAX_PROBLEMS_SHOWN = 10;

/**
 * Loads policies.
 * @throws {SluiceError} policy_invalid: the message names file, line, column and problem of the first, the detail all of them
 * (at most 10), the hint what Cedar suggests.
 */
export function loadPolicies(sources: readonly PolicySource[]): PolicySet {
  const problems: Problem[] = [];
  const loaded = sources.flatMap((source) => loadFile(source, problems));
  if (problems.length === 0) findDuplicates(loaded, problems);
  if (problems.length === 0) findInvalid(loaded, problems);
  if (problems.length > 0) throw asError(problems);
  return { version: versionOf(sources), policies: loaded.map(({ policy }) => policy) };
}

/** A policy and where it stands. */
interface Placed {
  readonly policy: Policy;
  readonly source: PolicySource;
  readonly start: number;
}

function loadFile(source: PolicySource, problems: Problem[]): Placed[] {
  const parsed = checkParsePolicySet({ staticPolicies: source.text });
  const located = parsed.type === 'failure' ? parsed.errors.filter(hasLocation) : [];
  if (located.length > 0) {
    problems.push(...located.map((error) => problemOf(source, source.text, 0, error)));
    return [];
  }
  // Templates parse, but have no place: Cedar then says so of each policy alone, with the location it left out above.
  return splitPolicies(source.text).flatMap((text, index) => loadPolicy(source, text, index, problems) ?? []);
}

const hasLocation = (error: DetailedError): boolean => (error.sourceLocations ?? []).length > 0;

function loadPolicy(
  source: PolicySource,
  text: PolicyText,
  index: number,
  problems: Problem[],
): Placed | undefined {
  const parsed = policyToJson(text.text);
  if (parsed.type === 'failure') {
    problems.push(...parsed.errors.map((error) => problemOf(source, text.text, text.start, error)));
    return undefined;
  }
  const { effect } = parsed.json;
  try {
    const notes = readAnnotations(effect, parsed.json.annotations ?? {});
    refuseFutileApproval(notes, parsed.json);
    const id = notes.id ?? `${source.file}#${index + 1}`;
    const { line } = positionAt(source.text, text.start);
    const policy: Policy = {
      ...notes,
      id,
      effect,
      file: source.file,
      line,
      text: text.text,
      json: parsed.json,
    };
    return { policy, source, start: text.start };
  } catch (thrown) {
    problems.push({ source, offset: text.start, message: (thrown as Error).message });
    return undefined;
  }
}

/** Nobody waits at the door, and a mask is not lifted by approval. */
function refuseFutileApproval(notes: PolicyNotes, json: PolicyJson): void {
  if (notes.approval === undefined || json.action.op !== '==' || !('entity' in json.action)) return;
  const { id } = json.action.entity as { id: string };
  if (id === 'Connect' || id === 'Unmask')
    throw new Error(`@approval has no effect on ${id}: it holds statements`);
}

function findDuplicates(loaded: readonly Placed[], problems: Problem[]): void {
  const first = new Map<string, Placed>();
  for (const placed of loaded) {
    const { id } = placed.policy;
    const other = first.get(id);
    if (other === undefined) first.set(id, placed);
    else {
      const message = `the id ${JSON.stringify(id)} is taken by ${other.policy.file}:${other.policy.line}`;
      problems.push({ source: placed.source, offset: placed.start, message });
    }
  }
}

/** Warnings count: a policy that can never apply, or that mixes look-alike letters, is not what its author meant. */
function findInvalid(loaded: readonly Placed[], problems: Problem[]): void {
  const staticPolicies = Object.fromEntries(loaded.map(({ policy }) => [policy.id, policy.text]));
  const answer = validate({
    schema: cedarSchema(),
    policies: { staticPolicies },
    validationSettings: { mode: 'strict' },
  });
  if (answer.type === 'failure') {
    throw new SluiceError('policy_invalid', answer.errors[0]?.message ?? 'the policies do not validate');
  }
  const byId = new Map(loaded.map((placed) => [placed.policy.id, placed]));
  for (const found of [...answer.validationErrors, ...answer.validationWarnings]) {
    const { policy, source, start } = byId.get(found.policyId)!;
    problems.push(problemOf(source, policy.text, start, found.error));
  }
}

function problemOf(source: PolicySource, text: string, start: number, error: DetailedError): Problem {
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

function asError(problems: readonly Problem[]): SluiceError {
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

function versionOf(sources: readonly PolicySource[]): string {
  const content = sources.map(({ file, text }) => [file, text]);
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}
