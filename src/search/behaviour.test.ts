/** What is found of a principal's ways, from a real log through the index: the same every time, each once, nothing while it is learned. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Ledger } from '../ledger/ledger.ts';
import { Sequencer } from '../ledger/sequencer.ts';
import type { AskedEvent, LedgerEvent, StatementForm } from '../model/ledger-entry.ts';
import type { Deviation } from './behaviour.ts';
import type { Finding } from './finding.ts';
import { IndexLoop } from './index-loop.ts';
import { embeddedPlace } from './sqlite-place.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Some day at noon; the last of the story, and an hour ago: what is found of the day before is no news. */
const NOW = Date.UTC(2026, 4, 20, 12);

let directory: string;
let ledger: Ledger;
let sequencer: Sequencer;
let time: number;
let statement: number;
let loops: IndexLoop[];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW + HOUR });
  directory = mkdtempSync(join(tmpdir(), 'sluice-behaviour-'));
  [time, statement, loops] = [NOW - 41 * DAY, 0, []];
  sequencer = await Sequencer.open({ directory: join(directory, 'ledger') });
  ledger = await Ledger.open({ directory: join(directory, 'ledger'), now: () => time });
  say(opened('bot'));
});
afterEach(async () => {
  vi.useRealTimers();
  for (const loop of loops) loop.stop();
  await ledger.close();
  sequencer.close();
  await vi.waitFor(() => rmSync(directory, { recursive: true }), { timeout: 20_000 });
});

const say = (event: LedgerEvent | AskedEvent) => void ledger.append(event);

function opened(name: string): LedgerEvent {
  return {
    ...{
      kind: 'session-opened',
      session: name,
      principal: name,
      principalKind: 'Agent',
      onBehalfOf: ['bob'],
      database: 'shop',
    },
    ...{ environment: 'prod', client: '10.0.0.1:1', application: '', tls: true },
  };
}

function form(text: string, more: Partial<StatementForm> = {}): StatementForm {
  return {
    ...{
      text: [text],
      command: 'SELECT',
      actions: ['Read'],
      relations: ['Read public.orders(id)'],
      decision: 'allow',
    },
    ...{ policies: ['p'], policyVersion: 'v', ...more },
  };
}

const ORDERS = form('SELECT id FROM orders');

function ask(asked: StatementForm = ORDERS, rows = 1, session = 'bot'): void {
  say({ kind: 'asked', session, statement: ++statement, form: asked });
  if (asked.decision === 'allow')
    say({ kind: 'outcome', session, statement, rows, bytes: 9, durationUs: 5, tag: `SELECT ${rows}` });
}

/** Some statements at noon of each day up to the last. */
function liveOrdinarily(session = 'bot'): void {
  for (time = NOW - 41 * DAY; time < NOW - HOUR; time += DAY)
    for (let count = 0; count < 3; count++) ask(ORDERS, 100, session);
  time = NOW;
}

interface Run {
  readonly findings: Finding[];
  deviations: readonly Deviation[];
}

/** Indexes all there is, and resolves when nothing more is found. */
async function run(record = false): Promise<Run> {
  await ledger.durable(ledger.appendedSeq);
  while ((await sequencer.round()).more);
  const found: Run = { findings: [], deviations: [] };
  const { promise, resolve } = Promise.withResolvers<void>();
  let turns = 0;
  const loop = new IndexLoop({
    ...{
      directory: join(directory, 'ledger'),
      place: embeddedPlace(join(directory, 'index.db')),
      pollMs: 10,
      pieceEntries: 100,
    },
    onStatus: ({ indexed, entries, failure }) => {
      expect(failure).toBeUndefined();
      // Told in the turn after all is learned, which ends before the next begins.
      if (indexed === entries && learned() === entries && ++turns === 2) resolve();
    },
    behaviour: {
      ...{ path: join(directory, 'behaviour.db'), learnMs: 7 * DAY, windowMs: 30 * DAY, rememberMs: 3 * DAY },
      onFindings: (findings) => found.findings.push(...findings),
      onDeviations: (deviations) => {
        found.deviations = deviations;
      },
    },
  });
  loops.push(loop);
  const running = loop.run();
  await promise;
  loop.stop();
  await running;
  if (record) for (const finding of found.findings) say(finding);
  return found;
}

/** How far behaviour is. */
function learned(): number {
  const database = new DatabaseSync(join(directory, 'behaviour.db'), { readOnly: true });
  try {
    return (database.prepare("SELECT value FROM meta WHERE name = 'next'").get()?.value as number) ?? 0;
  } finally {
    database.close();
  }
}

const sentences = ({ findings }: Run) => findings.map(({ what }) => what);

describe('something done for the first time', () => {
  it('is told in a sentence, with what it was compared with', { timeout: 60_000 }, async () => {
    liveOrdinarily();
    const cards = form('SELECT card_number FROM payments', {
      relations: ['Read public.payments(card_number)'],
      masked: ['public.payments.card_number:card_number'],
    });
    ask(cards);
    ask(cards);
    ask(
      form('UPDATE orders', {
        command: 'UPDATE',
        actions: ['Update'],
        relations: ['Update public.orders(id)'],
        unmasked: ['email'],
      }),
    );
    const found = await run();
    expect(sentences(found)).toEqual([
      'bot read public.payments for the first time in 41 days',
      'bot read public.payments.card_number (card_number, masked) for the first time in 41 days',
      'bot wrote public.orders for the first time in 41 days',
      'bot read email as it is for the first time in 41 days',
    ]);
    expect(found.findings[1]).toMatchObject({
      ...{ kind: 'finding', rule: 'label', principal: 'bot', database: 'shop', session: 'bot' },
      evidence: { seq: expect.any(Number), at: NOW, known: NOW - 41 * DAY },
    });
  });

  it('is news again when it was last done before the window', { timeout: 60_000 }, async () => {
    ask(form('SELECT * FROM old', { relations: ['Read public.old(id)'] }));
    liveOrdinarily();
    ask(form('SELECT * FROM old', { relations: ['Read public.old(id)'] }));
    expect(sentences(await run())).toEqual(['bot read public.old for the first time in 41 days']);
  });

  it('is no news of a principal that is still learned, nor when it was refused', {
    timeout: 60_000,
  }, async () => {
    liveOrdinarily();
    say(opened('new'));
    for (let count = 0; count < 50; count++)
      ask(form(`SELECT ${count}`, { relations: [`Read public.t${count}(id)`] }), 1, 'new');
    ask(form('DROP', { decision: 'deny', relations: ['Drop public.orders()', 'Read public.secrets(id)'] }));
    expect(sentences(await run())).toEqual([]);
  });

  it('may be the hour', { timeout: 60_000 }, async () => {
    liveOrdinarily();
    time = NOW + HOUR;
    ask();
    time = NOW + 9 * HOUR;
    ask();
    expect(sentences(await run())).toEqual([
      'bot was active between 21:00 and 22:00 UTC for the first time in 41 days',
    ]);
  });
});

describe('more than ever within an hour', () => {
  it('is told once an hour, with the most before', { timeout: 60_000 }, async () => {
    liveOrdinarily();
    ask(ORDERS, 899);
    ask(ORDERS, 1);
    expect(sentences(await run())).toEqual([]);
    ask(ORDERS, 100_000);
    ask(ORDERS, 100_000);
    const [found] = (await run()).findings;
    expect(found).toMatchObject({ rule: 'rows', evidence: { value: 100_900, usual: 300 } });
    expect(found?.what).toBe(
      'bot got or changed 100900 rows between 12:00 and 13:00 UTC; the most in any hour of the 30 days before was 300',
    );
  });

  it('may be refusals and new shapes', { timeout: 60_000 }, async () => {
    liveOrdinarily();
    for (let count = 0; count < 10; count++) ask(form('DROP TABLE x', { decision: 'deny' }));
    for (let count = 0; count < 40; count++) ask(form(`SELECT ${count}`));
    expect((await run()).findings.map(({ rule, evidence: { value } }) => [rule, value])).toEqual([
      ['refusals', 10],
      ['shapes', 30],
    ]);
  });
});

describe('a finding', () => {
  it('that is recorded is not found again, also when all is learned anew, and is a deviation for a time', {
    timeout: 60_000,
  }, async () => {
    liveOrdinarily();
    ask(form('SELECT * FROM payments', { relations: ['Read public.payments(id)'] }));
    const first = await run(true);
    expect(first.findings).toHaveLength(1);
    expect(first.deviations).toEqual([]);
    const second = await run();
    expect(second.findings).toEqual([]);
    expect(second.deviations).toEqual([{ principal: 'bot', rule: 'relation', until: NOW + 3 * DAY }]);
    for (const name of ['index.db', 'behaviour.db']) rmSync(join(directory, name));
    const anew = await run();
    expect([anew.findings, anew.deviations]).toEqual([[], second.deviations]);
  });

  it('is the same whenever it is found', { timeout: 60_000 }, async () => {
    liveOrdinarily();
    ask(form('SELECT * FROM payments', { relations: ['Read public.payments(id)'] }));
    const first = await run();
    rmSync(join(directory, 'behaviour.db'));
    expect((await run()).findings).toEqual(first.findings);
  });
});
