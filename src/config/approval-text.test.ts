import { describe, expect, test } from 'vitest';
import { readApproval } from './approval-text.ts';

describe('@approval', () => {
  test.each([
    ['groups=dba', { groups: ['dba'], quorum: 1, expiresMs: 900_000 }],
    ['groups=dba; quorum=2; expires=1h', { groups: ['dba'], quorum: 2, expiresMs: 3_600_000 }],
    ['expires = 10s;groups = b , a,b', { groups: ['a', 'b'], quorum: 1, expiresMs: 10_000 }],
    ['groups=on call; expires=7d; quorum=10', { groups: ['on call'], quorum: 10, expiresMs: 604_800_000 }],
    [
      'quorum=security:1+dba:2; valid=30m; behalf=yes',
      {
        groups: ['dba', 'security'],
        quorum: 3,
        seats: [
          { groups: ['dba'], count: 2 },
          { groups: ['security'], count: 1 },
        ],
        expiresMs: 900_000,
        validMs: 1_800_000,
        behalfMayAnswer: true,
      },
    ],
    [
      'groups=a; quorum=1; behalf=no; answer=mon-fri 08:00-18:30 Europe/Berlin; run=22:00-06:00; escalate=boss, ops after 10m',
      {
        groups: ['a'],
        quorum: 1,
        expiresMs: 900_000,
        answerWithin: [{ days: [1, 2, 3, 4, 5], from: 480, to: 1110, zone: 'Europe/Berlin' }],
        runWithin: [{ days: [1, 2, 3, 4, 5, 6, 7], from: 1320, to: 360, zone: 'UTC' }],
        escalation: { groups: ['boss', 'ops'], afterMs: 600_000 },
      },
    ],
  ])('%s', (text, rule) => {
    expect(readApproval(text)).toEqual(rule);
  });

  test.each([
    ['', /must name the groups/],
    [';', /cannot read ""/],
    ['dba', /cannot read/],
    ['quorum=1', /must name the groups/],
    ['groups=', /cannot read/],
    ['groups=a,,b', /must name the groups/],
    ['groups=a;groups=b', /says groups twice/],
    ['groups=a;', /cannot read ""/],
    ['groups=a; quorum=0', /must be 1 to 10/],
    ['groups=a; quorum=11', /must be 1 to 10/],
    ['groups=a; quorum=1.5', /must be 1 to 10/],
    ['groups=a; expires=9s', /from 10s to 7d/],
    ['groups=a; expires=8d', /from 10s to 7d/],
    ['groups=a; expires=15', /from 10s to 7d/],
    ['groups=a; expires=15m=3', /cannot read/],
    ['groups=a; until=15m', /cannot read/],
    ['groups=a; __proto__=1', /cannot read/],
    ['groups=a; groups=b', /says groups twice/],
    ['quorum=dba:1+security', /group:count/],
    ['quorum=dba:0', /must be 1 to 10/],
    ['quorum=dba:6+security:5', /at most 10/],
    ['quorum=dba:1+dba:1', /dba twice/],
    ['groups=a; quorum=dba:1', /in groups or in quorum, not in both/],
    ['groups=a; valid=1s', /from 10s to 7d/],
    ['groups=a; behalf=maybe', /yes or no/],
    ['groups=a; answer=', /cannot read/],
    ['groups=a; answer=someday', /cannot read the times "someday"/],
    ['groups=a; answer=mon-fri 25:00-26:00', /cannot read/],
    ['groups=a; answer=mon-fri 09:00-17:00 Mars/Olympus', /time zone "Mars\/Olympus"/],
    ['groups=a; run=UTC', /days or hours/],
    ['groups=a; escalate=b', /after/],
    ['groups=a; escalate=b after 15m', /before the request expires/],
    ['groups=a; escalate= after 5m', /escalates to groups after/],
  ])('refuses %j', (text, message) => {
    expect(() => readApproval(text)).toThrow(message);
  });
});
