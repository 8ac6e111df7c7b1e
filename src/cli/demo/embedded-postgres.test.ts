import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { freePort, startEmbeddedPostgres } from './embedded-postgres.ts';
import { serverAccount } from './postgres-binaries.ts';

const MODULE = new URL('./embedded-postgres.ts', import.meta.url).href;

async function gone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await sleep(50);
  }
  return false;
}

/** Starts a server in a process of its own, which then waits to be killed. */
async function startElsewhere(
  companionDir: string,
): Promise<{ child: ReturnType<typeof spawn>; serverPid: number }> {
  const code = `const { startEmbeddedPostgres } = await import(${JSON.stringify(MODULE)});
    const server = await startEmbeddedPostgres({ companionDir: ${JSON.stringify(companionDir)} });
    console.log(server.pid);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, serverPid: Number(line) };
}

describe('an embedded server', () => {
  test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
    'ends with the process that started it, by %s',
    async (signal) => {
      const companion = mkdtempSync(join(tmpdir(), 'sluice-companion-'));
      const { child, serverPid } = await startElsewhere(companion);
      expect(() => process.kill(serverPid, 0)).not.toThrow();
      child.kill(signal);
      expect(await gone(serverPid)).toBe(true);
      for (let attempt = 0; attempt < 100 && existsSync(companion); attempt += 1) await sleep(50);
      expect(existsSync(companion)).toBe(false);
    },
  );

  test('stops when told, twice, and takes its directory along', async () => {
    const companion = mkdtempSync(join(tmpdir(), 'sluice-companion-'));
    const server = await startEmbeddedPostgres({ companionDir: companion });
    expect(server.logTail()).toContain('ready to accept connections');
    await Promise.all([server.stop(), server.stop()]);
    expect(existsSync(companion)).toBe(false);
    expect(await gone(server.pid)).toBe(true);
  });

  test('takes settings, rules for who may connect, and files', async () => {
    const server = await startEmbeddedPostgres({
      settings: { work_mem: '5MB', search_path: `"it's", public` },
      hba: ['host all all 127.0.0.1/32 trust'],
      files: { 'note.txt': 'hello' },
    });
    const client = new pg.Client({
      host: server.host,
      port: server.port,
      user: server.user,
      database: 'postgres',
    });
    await client.connect();
    const { rows } = await client.query(
      `SELECT current_setting('work_mem') AS mem, current_setting('search_path') AS path, pg_read_file('note.txt') AS note`,
    );
    await client.end();
    await server.stop();
    expect(rows).toEqual([{ mem: '5MB', path: `"it's", public`, note: 'hello' }]);
  });

  test('says what is wrong when it does not start', async () => {
    await expect(startEmbeddedPostgres({ settings: { wal_level: 'nonsense' } })).rejects.toMatchObject({
      code: 'upstream_unavailable',
      message: expect.stringContaining('wal_level'),
    });
  });
});

test('a preferred port is taken if it is free, and another one if not', async () => {
  const port = await freePort();
  expect(await freePort(port)).toBe(port);
  const occupant = createServer().listen({ host: '127.0.0.1', port });
  await once(occupant, 'listening');
  expect(await freePort(port)).not.toBe(port);
  occupant.close();
});

describe('the account of the server', () => {
  test('is nobody else than the user, unless that is root', () => {
    expect(serverAccount('/etc/passwd', 1000)).toBeUndefined();
    expect(serverAccount('/etc/passwd', 0)?.uid).toBeGreaterThan(0);
  });
});
