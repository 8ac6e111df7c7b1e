/** The proof of one entry, step by step, so that a reader can follow it with nothing but SHA-256. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { SluiceError } from '../../errors/sluice-error.ts';
import { verifyProof } from '../../ledger/proof-file.ts';
import { proveEntry } from '../../ledger/prove.ts';
import { readEntries } from '../../ledger/read-entries.ts';
import { pinnedKey, sourceOf } from '../../ledger/verify.ts';

export interface ShownProof {
  readonly lines: readonly string[];
  /** The command that checks it, to be copied. */
  readonly check: string;
}

const PATIENCE_MS = 10_000;

/** Proves the last statement that was refused. @throws {SluiceError} if there is none, or it is not published in time */
export async function shownProof(directory: string): Promise<ShownProof> {
  const seq = await lastDenial(directory);
  const vkey = ((await sourceOf(directory).read('vkey'))?.toString('utf8') ?? '').trim();
  const proof = await whenPublished(directory, seq);
  const { entry = '', leaf, origin, size, root, steps } = verifyProof(proof, pinnedKey(vkey));
  // In a directory of its own: a name that others can guess may be a link to something else.
  const file = join(mkdtempSync(join(tmpdir(), 'sluice-tour-')), 'entry.tlog-proof');
  writeFileSync(file, proof, { mode: 0o600 });
  const lines = [
    `entry ${seq} of ${size} of ${origin}:`,
    entry,
    `SHA-256(00 || entry)            ${leaf}`,
    ...steps.map(({ side, sibling, hash }) => {
      const name = `${sibling.toString('hex').slice(0, 8)}\u2026`;
      return `SHA-256(01 || ${side === 'left' ? `${name} || it` : `it || ${name}`})  ${hash.toString('hex')}`;
    }),
    `= the root that is signed       ${root}`,
  ];
  return { lines, check: `node examples/verify-proof.mjs '${vkey}' ${file}` };
}

async function lastDenial(directory: string): Promise<number> {
  for await (const { seq, event } of readEntries(directory, { reverse: true })) {
    if (event.kind === 'statement' && event.decision === 'deny') return seq;
  }
  throw new SluiceError('not_found', 'nothing was refused');
}

/** What was recorded is published within a second. */
async function whenPublished(directory: string, seq: number): Promise<string> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await proveEntry(sourceOf(directory), { seq });
    } catch (cause) {
      if (!(cause instanceof SluiceError) || cause.code !== 'not_found' || performance.now() > deadline)
        throw cause;
    }
    await wait(100);
  }
}
