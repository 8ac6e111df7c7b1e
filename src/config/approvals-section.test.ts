import { describe, expect, it } from 'vitest';
import type { Config } from './config.ts';
import { checkConfig } from './load-config.ts';

const KEY = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

function check(approvals: string, secrets: 'read' | 'skip' = 'read') {
  const deps = {
    env: {
      KEY,
      TEXT: 'x'.repeat(24),
      SHORT: 'x'.repeat(23),
      ODD: 'whsec_-- not base64 at all, but long enough',
    },
    readFile: () => `version: 1\napprovals: ${approvals}\n`,
    fileMode: () => 0o100600,
  };
  return checkConfig('/etc/sluice.yaml', deps, { secrets });
}
const read = (approvals: string): Config['approvals'] => check(approvals).config!.approvals;
const hook = (more: string, url = 'https://h.example.com/x', key = 'KEY') =>
  `{ webhooks: [{ url: "${url}", secret: { env: ${key} }, ${more} }] }`;

describe('webhooks', () => {
  it('have defaults that tell everything but the statement', () => {
    expect(read(hook('')).webhooks).toMatchObject([
      { name: 'h.example.com', url: 'https://h.example.com/x', includeStatement: false, timeoutMs: 10_000 },
    ]);
    expect(read(hook('')).webhooks[0]!.events).toContain('requested');
    expect(read(hook('')).webhooks[0]!.secret!.reveal()).toBe(KEY);
    expect(JSON.stringify(read(hook('')))).not.toContain(KEY);
  });

  it('say what they are told', () => {
    expect(
      read(hook('name: ops, events: [denied], includeStatement: true, timeout: 2s')).webhooks,
    ).toMatchObject([{ name: 'ops', events: ['denied'], includeStatement: true, timeoutMs: 2000 }]);
  });

  it.each(['http://127.0.0.1:9/x', 'http://localhost/x', 'http://[::1]:9/x'])('reach %s in clear', (url) => {
    expect(check(hook('', url)).problems).toEqual([]);
  });

  it('reach any host in clear if the configuration insists', () => {
    expect(check(hook('insecure: true', 'http://h.example.com')).problems).toEqual([]);
  });

  it('need no secret where none is read', () => {
    expect(check(hook(''), 'skip').config!.approvals.webhooks[0]!.secret).toBeUndefined();
  });

  it.each([
    ['http in clear', hook('', 'http://h.example.com'), 'url would send in clear'],
    ['another protocol', hook('', 'file:///etc/passwd'), 'url is no address of HTTP'],
    ['no address', hook('', 'nonsense'), 'url is no address of HTTP'],
    ['credentials', hook('', 'https://a:b@h.example.com'), 'url holds a user, a password or a fragment'],
    ['a host that only looks local', hook('', 'http://127.0.0.1.example.com'), 'url would send in clear'],
    ['a short key', hook('', 'https://h', 'SHORT'), 'the secret is not a key of 24 bytes or more'],
    ['a key that is not base64', hook('', 'https://h', 'ODD'), 'the secret is not a key of 24 bytes or more'],
    ['no key', '{ webhooks: [{ url: "https://h" }] }', '0 lacks the key "secret"'],
    ['an unknown event', hook('events: [asked]'), '0 must be one of requested'],
    ['a long time-out', hook('timeout: 2m'), 'timeout must be between 100ms and 1m'],
    [
      'two of a name',
      `{ webhooks: [{ url: "https://h/1", secret: { env: KEY } }, { url: "https://h/2", secret: { env: TEXT } }] }`,
      'something else that is told is called h',
    ],
  ])('refuse %s', (_what, yaml, message) => {
    const { config, problems } = check(yaml);
    expect(config).toBeUndefined();
    expect(problems.map((one) => one.message).join()).toContain(message);
  });
});

it('the public address has no slash at its end', () => {
  expect(read('{ publicUrl: "https://s.example.com/gate/" }').publicUrl).toBe('https://s.example.com/gate');
});
