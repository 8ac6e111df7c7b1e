/** Calls to a real worker process: what it refuses, and what becomes of calls when it dies. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SluiceError } from '../errors/sluice-error.ts';
import type { WorkerCalls } from './calls.ts';
import { Channel, type Port } from './channel.ts';
import { packError, unpackError } from './packed-error.ts';

let child: ChildProcess;
let channel: Channel<WorkerCalls>;
let closed: number;

beforeEach(() => {
  closed = 0;
  child = fork(new URL('./worker-process.ts', import.meta.url), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
  });
  channel = new Channel<WorkerCalls>({
    port: child as Port,
    offer: {},
    accepts: () => false,
    onClose: () => {
      closed += 1;
    },
    onError: () => {},
  });
});
afterEach(async () => {
  const gone = once(child, 'close');
  if (child.kill('SIGKILL')) await gone;
});

const call = (name: string, ...args: unknown[]) =>
  (channel.call as (...all: unknown[]) => Promise<unknown>).call(channel, name, ...args);

test('a worker answers, and refuses what it does not offer', { timeout: 120_000 }, async () => {
  expect(await channel.call('ping')).toBeUndefined();
  for (const [name, ...args] of [
    ['shutdown'],
    ['constructor'],
    ['toString'],
    ['ping', 1],
    ['drain', '1'],
    ['drain', -1],
    ['cancel', 1, 'text'],
    ['installPolicies', [{ file: 'x' }]],
  ] as const) {
    await expect(call(name, ...args)).rejects.toMatchObject({ code: 'internal' });
  }
  // Nor does it die of what is no call at all.
  for (const odd of [null, 1, 'x', {}, { kind: 'call' }, { kind: 'answer', id: 4711 }, { kind: 'socket' }])
    child.send(odd as never);
  expect(await channel.call('ping')).toBeUndefined();
});

test('whoever waits for a worker that dies is told, and so is whoever asks it afterwards', {
  timeout: 120_000,
}, async () => {
  await channel.call('ping');
  // It has not started: this waits until it has, which is never.
  const waiting = channel.callUnhurried('databasesProblem');
  child.kill('SIGKILL');
  await expect(waiting).rejects.toMatchObject({ code: 'worker_lost' });
  await expect(channel.call('ping')).rejects.toMatchObject({ code: 'worker_lost' });
  channel.notify('catalogChanged', 'shop');
  expect(closed).toBe(1);
});

test('a worker ends when its primary does', { timeout: 120_000 }, async () => {
  await channel.call('ping');
  const exit = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) child.kill(signal);
  await channel.call('ping');
  child.disconnect();
  expect(await exit).toBe(0);
});

test('an error arrives with everything that a client may be told', () => {
  const error = new SluiceError('mask_refused', 'no', {
    ...{ detail: 'd', hint: 'h', position: 7, policies: ['p'], sqlstate: '42P01' },
    cause: new Error('secret'),
  });
  const packed = structuredClone(packError(error));
  expect(JSON.stringify(packed)).not.toContain('secret');
  const { cause: _, stack: __, ...arrived } = unpackError(packed);
  expect(arrived).toEqual({ ...error, cause: undefined });
  for (const odd of [null, 3, {}, { code: 'toString', message: 'x' }, { code: 'internal' }])
    expect(unpackError(odd)).toMatchObject({ code: 'internal' });
});
