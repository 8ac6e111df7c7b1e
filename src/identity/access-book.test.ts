import { expect, test } from 'vitest';
import type { AccessGrant, AccessRight } from '../model/grant.ts';
import type { Actor } from '../model/principal.ts';
import { AccessBook } from './access-book.ts';

let now = 0;
const grant = (id: string, right: AccessRight, changes: Partial<AccessGrant> = {}): AccessGrant => ({
  ...{
    kind: 'access',
    id,
    state: 'active',
    request: 'apr_1',
    principal: 'bob',
    onBehalfOf: [],
    grantedBy: [],
  },
  ...{ rule: { groups: ['security'], quorum: 1, expiresMs: 1 }, createdAt: 0, until: 100, right },
  ...changes,
});
const bob: Actor = { principal: { id: 'bob', kind: 'Human', groups: ['support'] }, onBehalfOf: [] };
const bot: Actor = {
  principal: { id: 'bot', kind: 'Agent', groups: ['agents'] },
  onBehalfOf: [bob.principal],
};

function book(...grants: AccessGrant[]): AccessBook {
  now = 0;
  const made = new AccessBook(() => now);
  made.install(grants);
  return made;
}

test('whoever is lent nothing is who they are', () => {
  expect(book().actorOf(bob)).toBe(bob);
  expect(book(grant('g1', { group: 'dba' }, { principal: 'eve' })).actorOf(bob)).toBe(bob);
  expect(book(grant('g1', { group: 'dba' }, { state: 'revoked' })).actorOf(bob)).toBe(bob);
});

test('what is lent ends on the millisecond, and the actor stays the same object in between', () => {
  const lent = book(
    grant('g1', { group: 'dba' }),
    grant('g2', { unmask: 'email', database: 'shop' }, { until: 50 }),
  );
  const both = lent.actorOf(bob);
  expect(both.principal.groups).toEqual(['support', 'dba']);
  expect(both.lent).toEqual({ key: 'g1,g2', unmask: [{ label: 'email', database: 'shop' }] });
  now = 49;
  expect(lent.actorOf(bob)).toBe(both);
  now = 50;
  expect(lent.actorOf(bob).lent).toEqual({ key: 'g1', unmask: [] });
  now = 100;
  expect(lent.actorOf(bob)).toBe(bob);
});

test('what is lent to a person is not lent to their agents, nor the other way round', () => {
  const mine = book(grant('g1', { group: 'dba' }));
  expect(mine.actorOf(bot)).toBe(bot);
  const its = book(grant('g1', { group: 'dba' }, { principal: 'bot', onBehalfOf: ['bob'] }));
  expect(its.actorOf(bob)).toBe(bob);
  expect(its.actorOf({ ...bot, onBehalfOf: [] }).lent).toBeUndefined();
  const actor = its.actorOf(bot);
  expect([actor.principal.groups, actor.onBehalfOf[0]?.groups]).toEqual([
    ['agents', 'dba'],
    ['support', 'dba'],
  ]);
});

test('what is taken back is gone at once', () => {
  const lent = book(grant('g1', { group: 'dba' }));
  expect(lent.actorOf(bob)).not.toBe(bob);
  lent.install([]);
  expect(lent.actorOf(bob)).toBe(bob);
});
