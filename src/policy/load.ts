/**
 * Policy files → a policy set that is safe to decide by: it parses, validates strictly against our schema, every annotation is
 * understood, every id is unique. Pure: whoever calls has read the files.
 *
 * https://docs.cedarpolicy.com/policies/validation.html
 */
import { createHash } from 'node:crypto';
import { DEFAULT_APPROVAL } from '../config/approval-text.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRule } from '../model/decision.ts';
import { type PolicyNotes, readAnnotations } from './annotations.ts';
import {
  checkParsePolicySet,
  type DetailedError,
  type PolicyJson,
  policyToJson,
  type ValidationError,
  validate,
} from './cedar.ts';
import { asError, byPlace, type PolicySource, type Problem, problemOf } from './policy-problem.ts';
import { cedarSchema } from './schema.ts';
import { type PolicyText, positionAt, splitPolicies } from './source-text.ts';

export type { PolicySource } from './policy-problem.ts';

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
  /** Hex SHA-256 over the sources and the defaults of approvals, the first 16 digits. */
  readonly version: string;
  /** In order of the files given, then of the text. */
  readonly policies: readonly Policy[];
}

/**
 * Loads policies. `approvalDefaults` fills in what an `@approval` leaves out.
 * @throws {SluiceError} policy_invalid: the message names file, line, column and problem of the first, the detail all of them
 * (at most 10), the hint what Cedar suggests.
 */
export function loadPolicies(
  sources: readonly PolicySource[],
  approvalDefaults: ApprovalRule = DEFAULT_APPROVAL,
): PolicySet {
  const problems: Problem[] = [];
  const loaded = sources.flatMap((source) => loadFile(source, approvalDefaults, problems));
  if (problems.length === 0) findDuplicates(loaded, problems);
  if (problems.length === 0) findInvalid(loaded, problems);
  if (problems.length > 0) throw asError(problems);
  return { version: versionOf(sources, approvalDefaults), policies: loaded.map(({ policy }) => policy) };
}

/** A policy and where it stands. */
interface Placed {
  readonly policy: Policy;
  readonly source: PolicySource;
  readonly start: number;
}

function loadFile(source: PolicySource, defaults: ApprovalRule, problems: Problem[]): Placed[] {
  const parsed = checkParsePolicySet({ staticPolicies: source.text });
  const errors = parsed.type === 'failure' ? parsed.errors : [];
  if (errors.some(hasLocation)) {
    problems.push(...errors.filter(hasLocation).map((error) => problemOf(source, source.text, 0, error)));
    return [];
  }
  const before = problems.length;
  const loaded = splitPolicies(source.text).flatMap((text, index) => {
    const id = `${source.file}#${index + 1}`;
    return loadPolicy(source, text, { id, defaults }, problems) ?? [];
  });
  // Templates fail without a location; asked of each policy alone, Cedar names it. Whatever else fails so must not pass either.
  if (problems.length === before)
    problems.push(...errors.map((error) => problemOf(source, source.text, 0, error)));
  return loaded;
}

const hasLocation = (error: DetailedError): boolean => (error.sourceLocations ?? []).length > 0;

/** What a policy is called and asks for where it does not say so itself. */
interface Fallbacks {
  readonly id: string;
  readonly defaults: ApprovalRule;
}

function loadPolicy(
  source: PolicySource,
  text: PolicyText,
  fallbacks: Fallbacks,
  problems: Problem[],
): Placed | undefined {
  const parsed = policyToJson(text.text);
  if (parsed.type === 'failure') {
    problems.push(...parsed.errors.map((error) => problemOf(source, text.text, text.start, error)));
    return undefined;
  }
  const { effect } = parsed.json;
  try {
    const notes = readAnnotations(effect, parsed.json.annotations ?? {}, fallbacks.defaults);
    refuseFutileApproval(notes, parsed.json);
    requireMatch(notes, parsed.json);
    const id = notes.id ?? fallbacks.id;
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
  if (id === 'Connect' || id === 'Unmask' || id === 'Match' || id === 'ReadAudit')
    throw new Error(`@approval has no effect on ${id}: it holds statements`);
}

/** A permit of everything would grant lookups that its author did not think of. */
function requireMatch({ lookupsPerHour }: PolicyNotes, { action }: PolicyJson): void {
  if (lookupsPerHour === undefined) return;
  const isMatch =
    action.op === '==' && 'entity' in action && (action.entity as { id: string }).id === 'Match';
  if (!isMatch) throw new Error('@lookups belongs on a permit whose scope says action == Action::"Match"');
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
  const { validationErrors: errors, validationWarnings: warnings } = answer;
  const found = [...errors, ...warnings.filter((warning) => isCause(warning, errors, warnings))];
  const placed = found.map(({ policyId, error }) => {
    const { policy, source, start } = byId.get(policyId)!;
    return problemOf(source, policy.text, start, error);
  });
  problems.push(...placed.sort(byPlace(loaded.map(({ source }) => source))));
}

/** A policy with another fault can of course never apply: its author must hear of the fault, not of what follows from it. */
function isCause(
  warning: ValidationError,
  errors: readonly ValidationError[],
  warnings: readonly ValidationError[],
): boolean {
  const isOther = (one: ValidationError) => one !== warning && one.policyId === warning.policyId;
  return !errors.some(isOther) && !(IMPOSSIBLE.test(warning.error.message) && warnings.some(isOther));
}

const IMPOSSIBLE = /policy is impossible/;

function versionOf(sources: readonly PolicySource[], { groups, quorum, expiresMs }: ApprovalRule): string {
  const content = [sources.map(({ file, text }) => [file, text]), groups, quorum, expiresMs];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}
