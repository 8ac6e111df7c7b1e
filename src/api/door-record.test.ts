import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { Actor } from '../model/principal.ts';
import { DoorRecord } from './door-record.ts';

const BOB = { id: 'bob', kind: 'Human', groups: [] } as const;
const BOT = { id: 'bot', kind: 'Agent', groups: [] } as const;
const actor: Actor = { principal: BOT, onBehalfOf: [BOB], tokenId: 't1' };

let entries: LedgerEvent[];
let record: DoorRecord;
beforeEach(() => {
  vi.useFakeTimers();
  entries = [];
  record = new DoorRecord({ append: (event) => entries.push(event) });
});
afterEach(() => {
  record.close();
  vi.useRealTimers();
});

describe('who came in', () => {
  it('is recorded once an hour for a token and an address', () => {
    for (let request = 0; request < 5; request++) record.cameIn('1.2.3.4', actor);
    const entry = { kind: 'authenticated', door: 'http', client: '1.2.3.4', principal: 'bot' };
    expect(entries).toEqual([{ ...entry, onBehalfOf: ['bob'], token: 't1' }]);
    record.cameIn('1.2.3.5', actor);
    record.cameIn('1.2.3.4', { ...actor, tokenId: 't2' });
    record.administered('root');
    record.administered('root');
    record.administered(undefined);
    expect(entries.slice(3)).toEqual([
      { kind: 'authenticated', door: 'admin-socket', client: 'local', by: 'root' },
      { kind: 'authenticated', door: 'admin-socket', client: 'local' },
    ]);
  });

  it('is not let in unrecorded', () => {
    let full = true;
    const failing = new DoorRecord({
      append: () => {
        if (full) throw new Error('full');
      },
    });
    expect(() => failing.cameIn('1.2.3.4', actor)).toThrow('full');
    expect(() => failing.cameIn('1.2.3.4', actor)).toThrow('full');
    full = false;
    failing.cameIn('1.2.3.4', actor);
  });
});

describe('who did not', () => {
  it('is recorded at once, and counted from then on', () => {
    for (let guess = 0; guess < 100; guess++) record.failed('1.2.3.4');
    const entry = { kind: 'authentication-failed', user: '', database: '', client: '1.2.3.4' };
    expect(entries).toEqual([{ ...entry, code: 'unauthorized', door: 'http' }]);
    vi.advanceTimersByTime(60_000);
    expect(entries.slice(1)).toEqual([{ ...entry, code: 'unauthorized', door: 'http', attempts: 99 }]);
    vi.advanceTimersByTime(600_000);
    expect(entries).toHaveLength(2);
  });

  it('fills neither memory nor ledger from many addresses', () => {
    for (let address = 0; address < 5_000; address++) record.failed(`10.0.${address >> 8}.${address & 255}`);
    expect(entries).toHaveLength(1001);
    record.close();
    expect(entries.at(-1)).toMatchObject({ client: '‹others›', attempts: 3999 });
  });
});
