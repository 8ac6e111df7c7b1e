/**
 * Cases that policies must pass: YAML files that say who sends what where, and what must be decided. docs/policy.md describes
 * the format.
 */
import { Ajv, type ErrorObject } from 'ajv';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ConnectDoor, StatementChecker } from '../gateway/postgres/statement-check.ts';
import type { Decision, Outcome } from '../model/decision.ts';
import { BUDGET_COUNTS } from '../model/standing.ts';
import type { SupposedStanding } from '../session/check-report.ts';

/** What must be decided of the text as a whole; what is left out may be anything. */
export interface CaseExpectation {
  /** The strictest decision of the text's statements. `error` for what cannot be decided, such as a syntax error. */
  readonly decision?: Outcome | 'error';
  /** Ids that must be among the determining policies. */
  readonly policies?: readonly string[];
  /** Exactly the columns that are masked: `public.customers.email`. */
  readonly masks?: readonly string[];
  /** Groups of which each approver must be, in any order. */
  readonly approvers?: readonly string[];
  /** Must be part of the reason, or of the error. */
  readonly reason?: string;
}

export interface PolicyCase {
  readonly name: string;
  readonly as: string;
  readonly onBehalfOf?: readonly string[];
  readonly purpose?: string;
  readonly database: string;
  /** The time that the policies see: ISO 8601. The present if absent. */
  readonly at?: string;
  /** The columns of untrusted text that the session, or another of the same reader, has read. */
  readonly taints?: readonly string[];
  /** What was found out of the ordinary of the principal lately: rules. */
  readonly deviations?: readonly string[];
  /** What is left of budgets: `{ rows: 100 }`. What is not named has none. */
  readonly left?: SupposedStanding['left'];
  /** What is sent; or, if `connect` is there, nothing: whether the principal gets in is decided. */
  readonly sql?: string;
  readonly connect?: ConnectDoor;
  readonly expect: CaseExpectation;
}

/** A case with its place, and what came of it. No differences: it passed. */
export interface CaseResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly differences: readonly string[];
}

const NAME = { type: 'string', minLength: 1 } as const;
const NAMES = { type: 'array', items: NAME } as const;
const AMOUNT = { type: 'integer', minimum: 0 } as const;
const DECISIONS = ['allow', 'hold', 'deny', 'error'] as const;

const FILE_SCHEMA = {
  type: 'object',
  required: ['cases'],
  additionalProperties: false,
  properties: {
    cases: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['name', 'as', 'database', 'expect'],
        oneOf: [{ required: ['sql'] }, { required: ['connect'] }],
        additionalProperties: false,
        properties: {
          name: NAME,
          as: NAME,
          onBehalfOf: NAMES,
          purpose: NAME,
          database: NAME,
          at: NAME,
          taints: NAMES,
          deviations: NAMES,
          left: {
            type: 'object',
            additionalProperties: false,
            properties: Object.fromEntries(BUDGET_COUNTS.map((count) => [count, AMOUNT])),
          },
          sql: { type: 'string' },
          connect: {
            type: 'object',
            additionalProperties: false,
            properties: { client: NAME, tls: { type: 'boolean' } },
          },
          expect: {
            oneOf: [
              { enum: DECISIONS },
              {
                type: 'object',
                minProperties: 1,
                additionalProperties: false,
                properties: {
                  decision: { enum: DECISIONS },
                  policies: NAMES,
                  masks: NAMES,
                  approvers: NAMES,
                  reason: NAME,
                },
              },
            ],
          },
        },
      },
    },
  },
} as const;

const validate = new Ajv({ allErrors: true }).compile(FILE_SCHEMA);

interface PlacedCase {
  readonly line: number;
  readonly policyCase: PolicyCase;
}

/** @throws {SluiceError} bad_request, with file and line of the first problem */
export function parseCases(file: string, text: string): readonly PlacedCase[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const refuse = (line: number, message: string): never => {
    throw new SluiceError('bad_request', `${file}:${line}: ${message}`);
  };
  const [error] = document.errors;
  if (error) refuse(lines.linePos(error.pos[0]).line, error.message.split('\n', 1)[0]!);
  const value = document.toJS() as unknown;
  const lineOf = (index: number): number => {
    const cases = isMap(document.contents) ? document.get('cases', true) : undefined;
    const node = isSeq(cases) ? cases.items[index] : undefined;
    const start = isMap(node) || isScalar(node) ? node.range?.[0] : undefined;
    return start === undefined ? 1 : lines.linePos(start).line;
  };
  if (!validate(value)) {
    const first = mostTelling(validate.errors ?? []);
    const index = Number(/^\/cases\/(\d+)/.exec(first.instancePath)?.[1] ?? Number.NaN);
    refuse(Number.isNaN(index) ? 1 : lineOf(index), wordError(first));
  }
  const { cases } = value as {
    cases: (PolicyCase & { expect: CaseExpectation | CaseExpectation['decision'] })[];
  };
  return cases.map((one, index) => {
    if (one.at !== undefined && Number.isNaN(Date.parse(one.at)))
      refuse(lineOf(index), `at ${JSON.stringify(one.at)} is no time; write 2026-11-21T22:30:00Z`);
    const expect = typeof one.expect === 'string' ? { decision: one.expect } : one.expect;
    return { line: lineOf(index), policyCase: { ...one, expect } as PolicyCase };
  });
}

/** An unknown key says more than the alternatives that it does not fit. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject {
  const inSql = ({ params }: ErrorObject) => ['sql', 'connect'].includes(params.missingProperty as string);
  return (
    errors.find(({ keyword }) => keyword === 'additionalProperties') ??
    errors.find((error) => !inSql(error)) ??
    errors[0]!
  );
}

function wordError({ instancePath, keyword, params, message }: ErrorObject): string {
  const where = instancePath.replace(/^\/(cases\/\d+\/?)?/, '') || 'the case';
  if (keyword === 'additionalProperties') return `unknown key "${params.additionalProperty}" in ${where}`;
  if (keyword === 'required') return `${where} lacks the key "${params.missingProperty}"`;
  if (keyword === 'oneOf' && !instancePath.endsWith('expect')) return `${where} needs either sql or connect`;
  if (keyword === 'enum' || keyword === 'oneOf')
    return `${where} must be one of ${DECISIONS.join(', ')}, or a mapping of decision, policies, masks, approvers, reason`;
  return `${where} ${message ?? 'is not valid'}`;
}

/** Decides each case, in order. Never throws for a case that cannot be decided: that is a difference. */
export async function runCases(
  checker: StatementChecker,
  file: string,
  cases: readonly PlacedCase[],
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { line, policyCase } of cases) {
    const { name, expect } = policyCase;
    results.push({ name, file, line, differences: await differencesOf(checker, policyCase, expect) });
  }
  return results;
}

async function differencesOf(
  checker: StatementChecker,
  { as: principal, onBehalfOf, purpose, database, sql, connect, at, taints, deviations, left }: PolicyCase,
  expect: CaseExpectation,
): Promise<readonly string[]> {
  const now = at === undefined ? undefined : Date.parse(at);
  const asker = {
    principal,
    database,
    ...(onBehalfOf && { onBehalfOf }),
    ...(purpose !== undefined && { purpose }),
  };
  try {
    if (connect !== undefined) return decisionDifferences(expect, [checker.connect(asker, connect, now)]);
    const { statements } = await checker.check(
      {
        ...asker,
        sql: sql ?? '',
        standing: { ...(taints && { taints }), ...(deviations && { deviations }), ...(left && { left }) },
      },
      now,
    );
    return decisionDifferences(
      expect,
      statements.map(({ decision }) => decision),
    );
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    return errorDifferences(expect, thrown);
  }
}

function errorDifferences({ decision, reason }: CaseExpectation, error: SluiceError): string[] {
  if (decision !== 'error')
    return [`expected ${decision ?? 'a decision'}, but it cannot be decided: ${error.message}`];
  return reason === undefined || error.message.includes(reason)
    ? []
    : [`expected the error to say ${JSON.stringify(reason)}, but it says ${JSON.stringify(error.message)}`];
}

const STRICTNESS: readonly Outcome[] = ['allow', 'hold', 'deny'];

function decisionDifferences(expect: CaseExpectation, decisions: readonly Decision[]): string[] {
  const outcome = decisions.reduce<Outcome>(
    (worst, one) => (STRICTNESS.indexOf(one.outcome) > STRICTNESS.indexOf(worst) ? one.outcome : worst),
    'allow',
  );
  const deciding = decisions.filter((one) => one.outcome === outcome);
  const reason = deciding[0]?.reason ?? '';
  const found: string[] = [];
  if (expect.decision !== undefined && expect.decision !== outcome)
    found.push(
      `expected ${expect.decision}, but it is ${outcome}: ${reason} [${idsOf(deciding).join(', ')}]`,
    );
  const missing = (expect.policies ?? []).filter((id) => !idsOf(deciding).includes(id));
  if (missing.length > 0)
    found.push(
      `expected ${missing.join(', ')} to decide, but it was ${idsOf(deciding).join(', ') || 'none'}`,
    );
  if (expect.masks !== undefined) {
    const masked = decisions.flatMap(({ masks }) =>
      masks.map(({ relation, column }) => `${relation}.${column}`),
    );
    addListDifference(found, 'masked columns', expect.masks, masked);
  }
  if (expect.approvers !== undefined)
    addListDifference(found, 'approvers', expect.approvers, deciding[0]?.approval?.groups ?? []);
  if (expect.reason !== undefined && !reason.includes(expect.reason))
    found.push(
      `expected the reason to say ${JSON.stringify(expect.reason)}, but it is ${JSON.stringify(reason)}`,
    );
  return found;
}

const idsOf = (decisions: readonly Decision[]): string[] =>
  decisions.flatMap(({ policies }) => policies.map(({ id }) => id));

function addListDifference(
  found: string[],
  what: string,
  expected: readonly string[],
  actual: readonly string[],
): void {
  const [a, b] = [expected, actual].map((list) => [...new Set(list)].sort().join(', '));
  if (a !== b) found.push(`expected ${what} ${a || 'none'}, but they are ${b || 'none'}`);
}
