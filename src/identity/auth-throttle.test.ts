import { beforeEach, describe, expect, it } from 'vitest';
import { AuthThrottle } from './auth-throttle.ts';

let time = 0;
let throttle: AuthThrottle;

beforeEach(() => {
  time = 0;
  throttle = new AuthThrottle({ firstDelayMs: 250, maxDelayMs: 5000, now: () => time, maxKeys: 100 });
});

const fail = (times: number, address: string, user: string) => {
  for (let i = 0; i < times; i++) throttle.failed(address, user);
};

describe('AuthThrottle', () => {
  it('lets a few failures pass, then doubles up to the most', () => {
    const delays = Array.from({ length: 10 }, () => {
      fail(1, '10.0.0.1', 'alice');
      return throttle.delayMs('10.0.0.1', 'alice');
    });
    expect(delays).toEqual([0, 0, 0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
  });

  it('delays an address whatever the name, and a name whatever the address', () => {
    fail(5, '10.0.0.1', 'alice');
    expect(throttle.delayMs('10.0.0.1', 'bob')).toBe(500);
    expect(throttle.delayMs('10.0.0.2', 'alice')).toBe(500);
    expect(throttle.delayMs('10.0.0.2', 'bob')).toBe(0);
  });

  it('is followed by a copy in another process, whenever that begins', () => {
    fail(5, '10.0.0.1', 'alice');
    time += 10_000;
    const copy = new AuthThrottle({ firstDelayMs: 250, maxDelayMs: 5000, now: () => time - 7000 });
    copy.unpack(structuredClone(throttle.pack()));
    throttle.listeners.add(copy);
    expect(copy.delayMs('10.0.0.2', 'alice')).toBe(500);
    fail(1, '10.0.0.1', 'alice');
    expect(copy.delayMs('10.0.0.2', 'alice')).toBe(1000);
    expect(copy.remembers('alice')).toBe(true);
    throttle.succeeded('alice');
    expect(copy.remembers('alice')).toBe(false);
    expect(copy.delayMs('10.0.0.1', 'alice')).toBe(1000);
    // What was remembered ages in the copy as well.
    time += 30_000;
    expect([throttle, copy].map((one) => one.delayMs('10.0.0.1', 'x'))).toEqual([500, 500]);
  });

  it('forgets over time', () => {
    fail(8, '10.0.0.1', 'alice');
    expect(throttle.delayMs('10.0.0.1', 'x')).toBe(4000);
    time += 60_000;
    expect(throttle.delayMs('10.0.0.1', 'x')).toBe(1000);
    time += 3_600_000;
    expect(throttle.delayMs('10.0.0.1', 'x')).toBe(0);
  });

  it('counts at most so many, so that the end of an attack is felt', () => {
    fail(100_000, '10.0.0.1', 'alice');
    time += 64 * 30_000;
    expect(throttle.delayMs('10.0.0.1', 'alice')).toBe(0);
  });

  it('clears the name after a success, but not the address', () => {
    fail(5, '10.0.0.1', 'alice');
    throttle.succeeded('alice');
    expect(throttle.delayMs('10.0.0.2', 'alice')).toBe(0);
    expect(throttle.delayMs('10.0.0.1', 'alice')).toBe(500);
  });

  it.each([
    ['10.0.0.1', '::ffff:10.0.0.1', 500],
    ['2001:db8:1:2::1', '2001:DB8:1:2:ffff::9', 500],
    ['2001:db8:1:2::1', '2001:0db8:0001:0002:0:0:0:9', 500],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', 0],
    ['::1', '::2', 500],
    ['fe80::1%eth0', 'fe80::2', 500],
    ['unix', 'unix', 500],
  ])('after failures from %s, %s waits %i ms', (failed, asking, delay) => {
    fail(5, failed, 'alice');
    expect(throttle.delayMs(asking, 'bob')).toBe(delay);
  });

  it('remembers a bounded number, whatever comes in', () => {
    fail(5, '10.0.0.1', 'alice');
    for (let i = 0; i < 1000; i++) throttle.failed(`10.1.${i >> 8}.${i & 255}`, `${i}${'x'.repeat(10_000)}`);
    expect(throttle.delayMs('10.0.0.1', 'alice')).toBe(0);
    expect(throttle.delayMs('10.1.3.231', 'nobody')).toBe(0);
  });
});
