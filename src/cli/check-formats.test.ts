import { describe, expect, it } from 'vitest';
import { SluiceError } from '../errors/sluice-error.ts';
import type { CheckedStatement, CheckReport } from '../session/check-report.ts';
import { failureFinding, findingsOf, githubAnnotations, sarifLog } from './check-formats.ts';

const SQL = `SELECT 1;

  ALTER TABLE orders
    DROP COLUMN status;
DROP TABLE orders;`;

const statement = (text: string, more: object, facts: object = {}) => ({
  text,
  start: SQL.indexOf(text),
  end: SQL.indexOf(text) + text.length,
  hazardPlaces: [{ start: SQL.indexOf('DROP COLUMN'), end: SQL.indexOf(';\nDROP') }],
  facts,
  decision: {
    policies: [],
    masks: [],
    unmasked: [],
    policyVersion: 'v',
    reason: 'Because.',
    outcome: 'allow',
    ...more,
  },
});

const REPORT = {
  rewritten: SQL,
  statements: [
    statement('SELECT 1', {}),
    statement(
      'ALTER TABLE orders\n    DROP COLUMN status',
      {
        outcome: 'hold',
        policies: [{ id: 'define', effect: 'forbid' }],
        approval: { groups: ['dba', 'ops'], quorum: 2, expiresMs: 1 },
      },
      { hazards: [{ kind: 'drops-column', what: 'drops column status', instead: 'Stop using it.' }] },
    ),
    statement('DROP TABLE orders', { outcome: 'deny', hint: 'Ask:\n100 % sure, once.' }),
  ] as unknown as CheckedStatement[],
} satisfies CheckReport;

describe('findings', () => {
  it('become workflow commands, of which none can begin another', () => {
    expect(githubAnnotations(findingsOf(REPORT, SQL), 'db/a,b:c.sql')).toEqual([
      '::warning file=db/a%2Cb%3Ac.sql,line=3,col=3,endLine=4,title=sluice%3A approval-needed::Because. 2 of dba or ops must approve. (define)',
      '::notice file=db/a%2Cb%3Ac.sql,line=4,col=5,endLine=4,endColumn=23,title=sluice%3A drops-column::It drops column status. Stop using it.',
      '::error file=db/a%2Cb%3Ac.sql,line=5,col=1,endLine=5,endColumn=18,title=sluice%3A denied::Because. Ask:%0A100 %25 sure, once. (nothing permits it)',
    ]);
  });

  it('become a SARIF log', () => {
    const log = sarifLog(findingsOf(REPORT, SQL), 'db/a b.sql', '1.2.3') as {
      runs: { tool: object; results: object[] }[];
    };
    expect(log.runs[0]!.tool).toEqual({
      driver: {
        name: 'sluice',
        version: '1.2.3',
        rules: [{ id: 'approval-needed' }, { id: 'denied' }, { id: 'drops-column' }],
      },
    });
    expect(log.runs[0]!.results).toHaveLength(3);
    expect(log.runs[0]!.results[2]).toEqual({
      ruleId: 'denied',
      ruleIndex: 1,
      level: 'error',
      message: { text: 'Because. Ask:\n100 % sure, once. (nothing permits it)' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'db/a%20b.sql' },
            region: { startLine: 5, startColumn: 1, endLine: 5, endColumn: 18 },
          },
        },
      ],
    });
  });

  it('tell where a text does not parse', () => {
    const error = new SluiceError('syntax_error', 'syntax error at or near "SELEC"', { position: 4 });
    expect(failureFinding(error, 'é;\nSELEC 1')).toEqual([
      {
        rule: 'error',
        level: 'error',
        message: 'syntax error at or near "SELEC"',
        line: 2,
        column: 1,
        endLine: 2,
        endColumn: 1,
      },
    ]);
  });
});
