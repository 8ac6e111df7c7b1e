import { describe, expect, test } from 'vitest';
import { Terminal } from '../terminal.ts';
import { bannerLines } from './banner.ts';
import { Stage } from './stage.ts';
import { playTour, requestIdIn } from './tour.ts';
import type { Reply, Visitor } from './visitor.ts';

function screen(): { terminal: Terminal; text: () => string } {
  let text = '';
  const sink = {
    write: (part: string) => {
      text += part;
    },
  };
  return { terminal: new Terminal(sink, sink, {}), text: () => text };
}

const answering = (name: string, reply: Reply): Visitor => ({
  name,
  ask: async (_statement, onNotice) => {
    onNotice?.({ message: 'waiting for approval apr_1a2b3c4d5e', hint: 'look there' });
    return reply;
  },
  leave: async () => undefined,
});

describe('a stage', () => {
  test('shows statement, notice, rows and tag', async () => {
    const { terminal, text } = screen();
    const visitor = answering('bob', { columns: ['id'], rows: [['1']], tag: 'SELECT 1' });
    await new Stage(terminal).ask(visitor, 'SELECT id');
    expect(text()).toBe(
      '  bob ▸ SELECT id\n    NOTICE:  waiting for approval apr_1a2b3c4d5e\n    HINT:  look there\n' +
        '    id\n    ──\n     1\n    SELECT 1\n',
    );
  });

  test('shows a refusal as psql would', async () => {
    const { terminal, text } = screen();
    const refusal = {
      severity: 'ERROR',
      sqlstate: 'SL001',
      message: 'no',
      detail: 'because',
      hint: 'do this',
    };
    await new Stage(terminal).ask(
      answering('bot', { columns: [], rows: [], tag: '', refusal }),
      'DROP TABLE x',
    );
    expect(text()).toContain('    ERROR:  SL001: no\n    DETAIL:  because\n    HINT:  do this\n');
  });

  test('counts the claims that do not hold', () => {
    const { terminal, text } = screen();
    const stage = new Stage(terminal);
    stage.expect(true, 'one');
    expect(stage.failures).toBe(0);
    stage.expect(false, 'two');
    expect(stage.failures).toBe(1);
    expect(text()).toContain('✘ NOT SO: two');
  });
});

describe('the tour', () => {
  test('fails in every scene where the gate does nothing', async () => {
    const { terminal, text } = screen();
    const stage = new Stage(terminal);
    const open = answering('anyone', {
      columns: ['email', 'status'],
      rows: [['maja.svensson1@example.com', 'paid']],
      tag: 'UPDATE 1',
    });
    await playTour(stage, {
      ...{ alice: open, bob: open, bot: open },
      approveAsAlice: async () => undefined,
      previewAsAlice: async () => [],
      ledgerLines: async () => [],
      verifyLedger: () => Promise.reject(new Error('broken at entry 3')),
      proveDenial: () => Promise.reject(new Error('not published')),
    });
    expect(stage.failures).toBeGreaterThanOrEqual(8);
    expect(text()).toContain('broken at entry 3');
  });

  test.each([
    [{ message: 'sluice: waiting for approval apr_0a1b2c3d4e until …' }, 'apr_0a1b2c3d4e'],
    [{ message: 'held', hint: 'sluice approvals show apr_zz' }, 'apr_zz'],
    [{ message: 'table "apr" does not exist, skipping' }, undefined],
  ])('finds the request in %j', (notice, id) => {
    expect(requestIdIn(notice)).toBe(id);
  });
});

test('the banner has a line to connect with for each principal, and the short one nothing to try', () => {
  const place = {
    ...{ gate: '127.0.0.1:6432', http: '127.0.0.1:6480', database: '127.0.0.1:5555' },
    ...{ directory: '/tmp/d', configFile: '/tmp/d/sluice.yaml', ledgerDir: '/tmp/d/data/ledger' },
    tokens: { alice: 'slu_a', bob: 'slu_b', bot: 'slu_c' },
  };
  const { terminal } = screen();
  const text = bannerLines(place, terminal.paint).join('\n');
  for (const url of ['alice:slu_a', 'bob:slu_b', 'report-bot:slu_c']) {
    expect(text).toContain(`psql "postgres://${url}@127.0.0.1:6432/shop"`);
  }
  expect(text).toContain('export SLUICE_CONFIG=/tmp/d/sluice.yaml');
  expect(bannerLines(place, terminal.paint, true).join('\n')).not.toContain('approvals');
});
