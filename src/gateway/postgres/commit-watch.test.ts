import { describe, expect, test } from 'vitest';
import type { Ticket } from '../../session/session.ts';
import { CommitWatch } from './commit-watch.ts';
import type { Expectation } from './expectations.ts';

const EFFECTS = {
  read: { transaction: 'none', writes: false },
  write: { transaction: 'none', writes: true },
  begin: { transaction: 'begin', writes: false },
  commit: { transaction: 'commit', writes: false },
  rollback: { transaction: 'rollback', writes: false },
  savepoint: { transaction: 'savepoint', writes: false },
  'rollback-to': { transaction: 'rollback-to', writes: false },
  prepare: { transaction: 'prepare', writes: true },
} as const;
type Name = keyof typeof EFFECTS;

const ticketOf = (name: Name) => ({ planned: { facts: EFFECTS[name] } }) as Ticket;
/** `read,write` is a Query, `write!` an Execute, `sync` a Sync. */
const owedBy = (text: string): Expectation[] =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      if (word === 'sync') return { kind: 'sync' };
      if (word.endsWith('!')) return { kind: 'execute', ticket: ticketOf(word.slice(0, -1) as Name) };
      return {
        kind: 'query',
        tickets: word.split(',').map((name) => ticketOf(name as Name)),
        next: 0,
        inPipeline: false,
      };
    });

describe.each<[answered: string, owed: string, unknown: boolean]>([
  ['', '', false],
  ['', 'read', false],
  ['', 'write', true],
  ['', 'begin write', false],
  ['', 'begin,write,commit', true],
  ['', 'begin read commit', false],
  ['begin ready:T write ready:T', '', false],
  ['begin ready:T write ready:T', 'read', false],
  ['begin ready:T write ready:T', 'write', false],
  ['begin ready:T write ready:T', 'commit', true],
  ['begin ready:T write ready:T', 'prepare', true],
  ['begin ready:T write ready:T', 'rollback', false],
  ['begin ready:T write ready:T', 'rollback commit', false],
  ['begin ready:T read ready:T', 'commit', false],
  ['begin ready:T write ready:T ready:E', 'commit', false],
  ['begin ready:T write savepoint ready:E', 'rollback-to commit', true],
  ['begin ready:T write ready:T commit ready:I', 'read', false],
  // The database has said COMMIT, but not yet that it is ready.
  ['begin ready:T write ready:T commit', '', true],
  ['begin ready:T read ready:T commit', '', false],
  // In a pipeline, nothing is committed before its Sync.
  ['', 'write!', false],
  ['', 'write! sync', true],
  ['write', 'sync', true],
  ['write', 'read! sync', true],
  ['write ready:I', 'read! sync', false],
  ['', 'begin! write! sync', false],
  ['', 'begin! write! commit! sync', true],
  ['write', 'read', true],
])('%s | %s', (answered, owed, unknown) => {
  test(`the outcome is ${unknown ? 'unknown' : 'known'}`, () => {
    const watch = new CommitWatch();
    for (const word of answered.split(' ').filter((one) => one !== '')) {
      if (word.startsWith('ready:')) watch.ready(word.at(-1) as 'I');
      else watch.completed(EFFECTS[word as Name]);
    }
    expect(watch.isUnknown(owedBy(owed))).toBe(unknown);
    // Asking changes nothing.
    expect(watch.isUnknown(owedBy(owed))).toBe(unknown);
  });
});
