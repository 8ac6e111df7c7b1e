/**
 * What `sluice check` found, for tools: SARIF, which code hosts show beside the lines of a change, and GitHub's workflow commands.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 * @see https://docs.github.com/actions/reference/workflow-commands-for-github-actions
 */
import type { SluiceError } from '../errors/sluice-error.ts';
import type { Outcome } from '../model/decision.ts';
import type { CheckedStatement, CheckReport, Extent } from '../session/check-report.ts';

type Level = 'error' | 'warning' | 'note';

/** One thing to show at one place. */
export interface Finding {
  /** Stable: a hazard's kind, or `denied`, `approval-needed`, `error`. */
  readonly rule: string;
  readonly level: Level;
  readonly message: string;
  /** 1-based; columns count UTF-16 units. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  /** Behind its last character. */
  readonly endColumn: number;
}

const RULES: Readonly<Record<Exclude<Outcome, 'allow'>, readonly [rule: string, level: Level]>> = {
  deny: ['denied', 'error'],
  hold: ['approval-needed', 'warning'],
};

/** Decisions first, then what is dangerous, statement by statement. */
export function findingsOf({ statements }: CheckReport, sql: string): readonly Finding[] {
  return statements.flatMap((statement) => {
    const place = placeOf(statement, sql);
    const { decision, facts } = statement;
    const decided = decision.outcome === 'allow' ? [] : [decisionFinding(decision.outcome, statement)];
    const hazards = (facts.hazards ?? []).map(({ kind, what, instead }, i) => ({
      rule: kind,
      level: 'note' as const,
      message: `It ${what}.${instead === undefined ? '' : ` ${instead}`}`,
      ...placeOf(statement.hazardPlaces[i] ?? statement, sql),
    }));
    return [...decided.map((finding) => ({ ...finding, ...place })), ...hazards];
  });
}

function decisionFinding(outcome: 'hold' | 'deny', { decision, blastRadius }: CheckedStatement) {
  const [rule, level] = RULES[outcome];
  const { reason, hint, policies, approval } = decision;
  const parts = [
    reason,
    ...(approval === undefined
      ? []
      : [`${approval.quorum} of ${approval.groups.join(' or ')} must approve.`]),
    ...(blastRadius === undefined ? [] : [blastRadius.sentence]),
    ...(hint === undefined ? [] : [hint]),
    `(${policies.map(({ id }) => id).join(', ') || 'nothing permits it'})`,
  ];
  return { rule, level, message: parts.join(' ') };
}

function placeOf({ start, end }: Extent, sql: string) {
  const [line, column] = positionOf(sql, start);
  const written = sql.slice(start, Math.max(start, end)).trimEnd();
  const [endLine, endColumn] = positionOf(sql, start + written.length);
  return { line, column, endLine, endColumn };
}

function positionOf(sql: string, offset: number): readonly [line: number, column: number] {
  const before = sql.slice(0, offset);
  return [before.split('\n').length, offset - before.lastIndexOf('\n')];
}

/** A text that cannot be decided, as one finding: where its syntax fails, if that is why. */
export function failureFinding({ message, position, hint }: SluiceError, sql: string): readonly Finding[] {
  // Positions count characters, not UTF-16 units.
  const offset = position === undefined ? 0 : [...sql].slice(0, position - 1).join('').length;
  const place = placeOf({ start: offset, end: offset }, sql);
  return [
    {
      rule: 'error',
      level: 'error',
      message: hint === undefined ? message : `${message}. ${hint}`,
      ...place,
    },
  ];
}

/** A SARIF log of one run. `file` is the artifact's path as the code host knows it. */
export function sarifLog(findings: readonly Finding[], file: string, version: string): object {
  const rules = [...new Set(findings.map(({ rule }) => rule))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'sluice', version, rules: rules.map((id) => ({ id })) } },
        columnKind: 'utf16CodeUnits',
        results: findings.map(({ rule, level, message, line, column, endLine, endColumn }) => ({
          ruleId: rule,
          ruleIndex: rules.indexOf(rule),
          level,
          message: { text: message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: encodeURI(file) },
                region: { startLine: line, startColumn: column, endLine, endColumn },
              },
            },
          ],
        })),
      },
    ],
  };
}

const COMMANDS: Readonly<Record<Level, string>> = { error: 'error', warning: 'warning', note: 'notice' };

/** A workflow command a finding. Nothing in a message can begin another command. */
export function githubAnnotations(findings: readonly Finding[], file: string): readonly string[] {
  return findings.map(({ rule, level, message, line, column, endLine, endColumn }) => {
    // Columns count within one line.
    const end = line === endLine ? { endLine, endColumn } : { endLine };
    const properties = { file, line, col: column, ...end, title: `sluice: ${rule}` };
    const written = Object.entries(properties).map(
      ([name, value]) => `${name}=${escapeProperty(String(value))}`,
    );
    return `::${COMMANDS[level]} ${written.join(',')}::${escapeData(message)}`;
  });
}

const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const escapeProperty = (text: string): string =>
  escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
