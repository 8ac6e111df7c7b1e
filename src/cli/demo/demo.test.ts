/** The demo as a newcomer meets it: a process that says what to try, works, and leaves nothing behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';

const ENTRY = fileURLToPath(new URL('../sluice.ts', import.meta.url));

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

interface RunningDemo {
  readonly child: ChildProcess;
  screen(): string;
}

async function startDemo(): Promise<RunningDemo> {
  const child = spawn(process.execPath, [ENTRY, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  for (let attempt = 0; !text.includes('Ctrl-C ends everything'); attempt += 1) {
    if (child.exitCode !== null || attempt === 2000) throw new Error(`the demo did not start: ${text}`);
    await sleep(50);
  }
  return { child, screen: () => text };
}

const found = (text: string, pattern: RegExp): string =>
  pattern.exec(text)?.[1] ?? `no ${pattern} in: ${text}`;

async function becomesTrue(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await condition()) return true;
    await sleep(50);
  }
  return false;
}

async function accepts(port: number): Promise<boolean> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'x', password: 'x', database: 'x' });
  client.on('error', () => undefined);
  // A refused log-in is an answer all the same.
  const answered = await client.connect().then(
    () => true,
    (error: { code?: string }) => error.code !== 'ECONNREFUSED',
  );
  await client.end().catch(() => undefined);
  return answered;
}

describe('the demo', { timeout: 120_000 }, () => {
  test('serves what its banner says, and Ctrl-C removes it all', async () => {
    const { child, screen } = await startDemo();
    const url = found(screen(), /bob .*psql "(postgres:[^"]+)"/);
    const directory = found(screen(), /files\s+([^\s:]+):/);
    const databasePort = Number(found(screen(), /PostgreSQL\s+127\.0\.0\.1:(\d+)/));
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query('SELECT email FROM customers WHERE id = 1');
    await client.end();
    expect(rows).toEqual([{ email: 'm***@example.com' }]);
    expect(existsSync(directory)).toBe(true);
    expect(await accepts(databasePort)).toBe(true);

    const gone = once(child, 'exit');
    child.kill('SIGINT');
    expect(await gone).toEqual([0, null]);
    expect(existsSync(directory)).toBe(false);
    expect(await accepts(databasePort)).toBe(false);
  });

  test('leaves nothing behind when it is killed', async () => {
    const { child, screen } = await startDemo();
    const directory = found(screen(), /files\s+([^\s:]+):/);
    const databasePort = Number(found(screen(), /PostgreSQL\s+127\.0\.0\.1:(\d+)/));
    child.kill('SIGKILL');
    expect(await becomesTrue(() => !existsSync(directory))).toBe(true);
    expect(await accepts(databasePort)).toBe(false);
  });

  test('knows its options', async () => {
    const child = spawn(process.execPath, [ENTRY, 'demo', '--nonsense'], { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([2, null]);
  });
});
