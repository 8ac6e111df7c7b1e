import { expect, test } from 'vitest';
import { CancelRegistry } from './cancel-registry.ts';

test('only the holder of the key reaches the session', () => {
  const registry = new CancelRegistry();
  let cancelled = 0;
  const key = registry.add({ cancel: () => (cancelled += 1) }, 32);
  const wrong = Buffer.from(key.secret);
  wrong[31]! ^= 1;
  registry.cancel(key.processId, wrong);
  registry.cancel(key.processId, key.secret.subarray(0, 4));
  registry.cancel(key.processId ^ 1, key.secret);
  expect(cancelled).toBe(0);
  registry.cancel(key.processId, key.secret);
  expect(cancelled).toBe(1);
  registry.remove(key);
  registry.cancel(key.processId, key.secret);
  expect(cancelled).toBe(1);
});

test('backends of several servers may share a process id', () => {
  const registry = new CancelRegistry();
  const cancelled: string[] = [];
  const keys = ['a', 'b'].map((name) => registry.add({ cancel: () => cancelled.push(name) }, 4, 4711));
  expect(keys.map((key) => key.processId)).toEqual([4711, 4711]);
  registry.cancel(4711, keys[1]!.secret);
  expect(cancelled).toEqual(['b']);
  registry.remove(keys[1]!);
  registry.cancel(4711, keys[1]!.secret);
  registry.cancel(4711, keys[0]!.secret);
  expect(cancelled).toEqual(['b', 'a']);
});
