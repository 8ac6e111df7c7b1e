/**
 * A process that appends to the ledger in its first argument as fast as it can and says on its output what it may say:
 * `w <seq>` after `writeOut`, `d <seq>` after `durable`. Entry n is a session-closed of the session `<second argument>-n`.
 */
import { writeSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../src/errors/sluice-error.ts';
import { Ledger } from '../../src/ledger/ledger.ts';

const [directory = '', round = ''] = process.argv.slice(2);
const ledger = await Ledger.open({ directory, segmentBytes: 100_000, headIntervalMs: 20 });

function append(): number {
  const session = `${round}-${ledger.appendedSeq + 1}`;
  return ledger.append({
    kind: 'session-closed',
    session,
    reason: 'r'.repeat(Math.random() * 300),
    statements: 0,
  });
}

async function appendDurably(): Promise<never> {
  for (;;) {
    try {
      const seq = append();
      await ledger.durable(seq);
      writeSync(1, `d ${seq}\n`);
    } catch (thrown) {
      await pause(thrown);
    }
  }
}

async function appendWritten(): Promise<never> {
  for (;;) {
    try {
      let seq = -1;
      for (let index = 0; index < 20; index++) seq = append();
      ledger.writeOut();
      writeSync(1, `w ${seq}\n`);
      await nextTurn();
    } catch (thrown) {
      await pause(thrown);
    }
  }
}

/** A slow disk refuses for a while: nothing was said, and nothing is owed. */
async function pause(thrown: unknown): Promise<void> {
  if (!(thrown instanceof SluiceError) || thrown.code !== 'ledger_unavailable') throw thrown;
  await sleep(5);
}

for (let client = 0; client < 8; client++) void appendDurably();
void appendWritten();
