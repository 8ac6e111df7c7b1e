/**
 * A result of a million masked rows: through the gate, against the database running the very text the gate forwards, and
 * against the database running the text as written, unmasked. One client, whole results, interleaved.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchTarget, runPgbench } from './pgbench.ts';

export interface ScanMeasurement {
  readonly name: string;
  /** Milliseconds, one a round, in order. */
  readonly times: readonly number[];
}

export interface Scan {
  readonly name: string;
  readonly target: BenchTarget;
  readonly sql: string;
}

/** Each scan once a round, in turn; the first round warms up and does not count. */
export async function measureScans(
  scans: readonly Scan[],
  rounds: number,
  onProgress: (line: string) => void,
): Promise<ScanMeasurement[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-scan-'));
  const times = new Map<string, number[]>(scans.map(({ name }) => [name, []]));
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const { name, target, sql } of scans) {
        const script = join(directory, 'scan.sql');
        writeFileSync(script, `${sql};\n`);
        const { medianUs } = await runPgbench(target, {
          clients: 1,
          mode: 'simple',
          transactions: 1,
          script,
        });
        if (round > 0) times.get(name)?.push(medianUs / 1000);
        onProgress(`scan ${round}/${rounds}  ${name.padEnd(28)} ${Math.round(medianUs / 1000)} ms`);
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return scans.map(({ name }) => ({ name, times: times.get(name) ?? [] }));
}
