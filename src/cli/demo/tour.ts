/**
 * The scripted visit: what a newcomer would try, in the order in which it makes sense, with a real driver. Every scene
 * states what must be so; one that is not makes the tour fail, so that the tour is a test of the whole.
 */

import type { ShownProof } from './proof-lines.ts';
import type { Stage } from './stage.ts';
import type { Reply, Visitor } from './visitor.ts';

/** Those who visit `shop`, and what of the gate is needed besides connections. */
export interface TourCast {
  readonly alice: Visitor;
  readonly bob: Visitor;
  readonly bot: Visitor;
  /** Approves a request as Alice, through the public API. @throws if it is refused */
  approveAsAlice(requestId: string): Promise<void>;
  /** Previews a request as Alice, likewise. @returns what the command shows */
  previewAsAlice(requestId: string): Promise<readonly string[]>;
  /** What the ledger holds of a principal's sessions and of approvals, as lines for people. */
  ledgerLines(principal: string): Promise<readonly string[]>;
  /** Verifies the whole ledger; says in a line what was found. @throws if it does not verify */
  verifyLedger(): Promise<string>;
  /** Proves that the last refusal is in the log, step by step, as lines for people. @throws if it cannot */
  proveDenial(): Promise<ShownProof>;
}

/** Plays all scenes. Failed expectations are counted by the stage; only a broken connection throws. */
export async function playTour(stage: Stage, cast: TourCast): Promise<void> {
  const alicesRows = await aliceReads(stage, cast);
  await bobReads(stage, cast, alicesRows);
  await botTries(stage, cast);
  await botDrops(stage, cast);
  await botUpdates(stage, cast);
  await ledger(stage, cast);
}

const CUSTOMERS = 'SELECT id, full_name, email, phone, plan FROM customers ORDER BY id LIMIT 3';

async function aliceReads(stage: Stage, { alice }: TourCast): Promise<Reply> {
  stage.scene('Alice is a dba: she reads what is there');
  const reply = await stage.ask(alice, CUSTOMERS);
  const emails = cells(reply, 'email');
  stage.expect(
    emails.length === 3 && emails.every((email) => /^[a-z.]+\d+@example\./.test(email)),
    'Real values.',
  );
  return reply;
}

async function bobReads(stage: Stage, { bob }: TourCast, real: Reply): Promise<void> {
  stage.scene('Bob is in support: the same statement, the same rows, masked values');
  const reply = await stage.ask(bob, CUSTOMERS);
  const masked = cells(reply, 'email');
  stage.expect(
    masked.length === 3 &&
      masked.every((email) => /^.\*\*\*@example\./.test(email)) &&
      cells(reply, 'phone').every((phone) => phone.startsWith('***')) &&
      same(cells(reply, 'id'), cells(real, 'id')) &&
      same(cells(reply, 'plan'), cells(real, 'plan')),
    'Masked inside the database; what has no label is untouched.',
  );
}

async function botTries(stage: Stage, { alice, bot }: TourCast): Promise<void> {
  stage.scene('report-bot is an agent and acts for Bob: it tries to see around the mask');
  const sorted = await stage.ask(
    bot,
    'SELECT full_name, salary, ssn FROM employees ORDER BY salary DESC, id LIMIT 3',
  );
  const round = cells(sorted, 'salary').every((salary) => Number(salary) % 10_000 === 0);
  const hidden = cells(sorted, 'ssn').every((ssn) => ssn === '***');
  stage.expect(sorted.rows.length === 3 && round && hidden, 'Even the order is that of the masked values.');

  const probe = "SELECT count(*) FROM customers WHERE email LIKE 'maja.svensson%'";
  const truth = await alice.ask(probe);
  const guess = await stage.ask(bot, probe);
  stage.expect(
    Number(truth.rows[0]?.[0]) > 0 && guess.rows[0]?.[0] === '0',
    `A guess finds nothing; for Alice the same statement counts ${truth.rows[0]?.[0]}.`,
  );

  const oracle = 'SELECT 1 / (ascii(ssn) - 57) AS oracle FROM employees WHERE id = 1';
  const raw = await alice.ask(oracle);
  const blind = await stage.ask(bot, oracle);
  stage.expect(
    raw.refusal?.sqlstate === '22012' && blind.refusal === undefined && blind.rows.length === 1,
    'An error says nothing about the value; on the real one, Alice gets 22012 division by zero.',
  );
}

async function botDrops(stage: Stage, { alice, bot }: TourCast): Promise<void> {
  stage.scene('report-bot goes too far');
  const { refusal } = await stage.ask(bot, 'DROP TABLE payments');
  const left = await alice.ask("SELECT to_regclass('payments')");
  stage.expect(
    refusal?.sqlstate === 'SL001' && refusal.hint !== undefined && left.rows[0]?.[0] === 'payments',
    'Refused, with what would be allowed instead. The table is still there.',
  );
}

async function botUpdates(
  stage: Stage,
  { alice, bot, previewAsAlice, approveAsAlice }: TourCast,
): Promise<void> {
  stage.scene('report-bot changes data: it waits until Alice has seen what it would do, and agrees');
  const before = 'SELECT status FROM orders WHERE id = 12';
  const old = await alice.ask(before);
  let approval: Promise<void> | undefined;
  const reply = await stage.ask(bot, "UPDATE orders SET status = 'on hold' WHERE id = 12", (notice) => {
    const id = requestIdIn(notice);
    if (id === undefined || approval !== undefined) return;
    approval = (async () => {
      stage.act('alice', `sluice approvals preview ${id}`);
      const shown = await previewAsAlice(id);
      stage.lines(shown);
      const waits = await untouched(alice, before, old);
      const showsChange = shown.some((line) => line.includes('→ on hold'));
      stage.expect(waits && showsChange, 'Run, shown and rolled back: nothing has changed while it waits.');
      stage.act('alice', `sluice approvals approve ${id}`);
      await approveAsAlice(id);
    })();
  });
  await approval;
  const now = await alice.ask(before);
  stage.expect(
    approval !== undefined && reply.tag === 'UPDATE 1' && now.rows[0]?.[0] === 'on hold',
    'Approved for this statement, these values, these rows, once. It ran in the connection that waited.',
  );
}

async function ledger(stage: Stage, cast: TourCast): Promise<void> {
  stage.scene('The ledger has it all');
  stage.act('anyone', 'sluice ledger show    (here: what concerns report-bot)');
  const lines = await cast.ledgerLines('report-bot');
  stage.lines(lines);
  const has = (...words: string[]): boolean =>
    lines.some((line) => words.every((word) => line.includes(word)));
  stage.expect(
    has('report-bot for bob', 'monthly report') &&
      has('deny by agent-drop', 'DROP TABLE payments') &&
      has('hold by agent-write-approval', 'UPDATE orders') &&
      has('approved by alice') &&
      has('UPDATE 1'),
    'Who asked what, for whom and why, what was decided and by which policy, and what came of it.',
  );
  stage.act('anyone', 'sluice ledger verify');
  const verdict = await cast.verifyLedger().catch((error: unknown) => error);
  stage.lines([String(verdict)]);
  stage.expect(typeof verdict === 'string', 'ledger verified: nothing is missing, nothing was changed.');
  stage.act('an auditor', 'sluice ledger prove …    (the refused DROP TABLE, in one file)');
  const proof = await cast.proveDenial().catch((error: unknown) => ({ lines: [String(error)], check: '' }));
  stage.lines(proof.lines);
  stage.act('anyone', proof.check);
  stage.expect(
    proof.lines.some((line) => line.startsWith('= the root')),
    'Each line is one SHA-256: check it by hand, or with examples/verify-proof.mjs.',
  );
}

/** The id of an approval request named in a notice. */
export function requestIdIn(notice: { message: string; detail?: string; hint?: string }): string | undefined {
  return /\bapr_[0-9A-Za-z]+/.exec(`${notice.message} ${notice.detail ?? ''} ${notice.hint ?? ''}`)?.[0];
}

async function untouched(visitor: Visitor, statement: string, old: Reply): Promise<boolean> {
  const now = await visitor.ask(statement);
  return now.rows[0]?.[0] === old.rows[0]?.[0];
}

function cells(reply: Reply, column: string): string[] {
  const at = reply.columns.indexOf(column);
  return reply.rows.map((row) => row[at] ?? '');
}

const same = (a: readonly string[], b: readonly string[]): boolean => JSON.stringify(a) === JSON.stringify(b);
