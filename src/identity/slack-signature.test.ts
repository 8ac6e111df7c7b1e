import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../config/secret.ts';
import { SeenOnce } from './seen-once.ts';
import { SlackSignatures } from './slack-signature.ts';

/** The example of Slack's documentation. */
const SECRET = '8f742231b10e8888abcd99yyyzzz85a5';
const TIMESTAMP = '1531420618';
const BODY = Buffer.from(
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
);
const SIGNATURE = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503';

const at = (now: number) => new SlackSignatures({ secret: new Secret(SECRET), now: () => now });
const made = Number(TIMESTAMP) * 1000;

describe('a request', () => {
  it('signed as the documentation has it is good, once', () => {
    const signatures = at(made);
    expect(signatures.check(TIMESTAMP, SIGNATURE, BODY)).toBeUndefined();
    expect(signatures.check(TIMESTAMP, SIGNATURE, BODY)).toBe('repeated');
  });

  const shifted = createHmac('sha256', SECRET).update(`v0: ${TIMESTAMP}:`).update(BODY).digest('hex');
  it.each([
    ['another body', TIMESTAMP, SIGNATURE, Buffer.concat([BODY, Buffer.from(' ')])],
    ['another time', String(Number(TIMESTAMP) + 1), SIGNATURE, BODY],
    ['a time that is no number', ` ${TIMESTAMP}`, `v0=${shifted}`, BODY],
    ['another case', TIMESTAMP, SIGNATURE.toUpperCase(), BODY],
    ['another version', TIMESTAMP, SIGNATURE.replace('v0', 'v1'), BODY],
    ['the beginning of the signature', TIMESTAMP, SIGNATURE.slice(0, 20), BODY],
    ['no signature', TIMESTAMP, undefined, BODY],
    ['two signatures', TIMESTAMP, [SIGNATURE, SIGNATURE], BODY],
    ['no time', undefined, SIGNATURE, BODY],
  ])('with %s is forged', (_name, timestamp, signature, body) => {
    expect(at(made).check(timestamp, signature, body)).toBe('forged');
  });

  it('is good for five minutes, by either clock', () => {
    for (const minutes of [-5, 5]) {
      expect(at(made + minutes * 60_000).check(TIMESTAMP, SIGNATURE, BODY)).toBeUndefined();
      const beyond = made + minutes * 60_000 + Math.sign(minutes);
      expect(at(beyond).check(TIMESTAMP, SIGNATURE, BODY)).toBe('stale');
    }
  });
});

describe('what was seen', () => {
  it('is remembered until its time is over', () => {
    let now = 0;
    const seen = new SeenOnce(100, () => now);
    expect(seen.take('a')).toBe('first');
    now = 99;
    expect(seen.take('a')).toBe('repeated');
    now = 100;
    expect(seen.take('a')).toBe('first');
  });

  it('is never forgotten early: without room, nothing more is taken', () => {
    let now = 0;
    const seen = new SeenOnce(100, () => now);
    for (let n = 0; n < 20_000; n += 1) seen.take(String(n));
    expect(seen.take('one more')).toBe('busy');
    expect(seen.take('0')).toBe('repeated');
    now = 100;
    expect(seen.take('one more')).toBe('first');
  });
});
