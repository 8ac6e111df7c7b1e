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

const SERVICES = 'principals: { robot: { kind: service }, other: { kind: service }, bob: { kind: human } }';
const whole = (text: string) =>
  checkConfig('/etc/sluice.yaml', {
    ...{ env: { KEY }, readFile: () => `version: 1\n${SERVICES}\n${text}\n`, fileMode: () => 0o100600 },
  });

describe('reviewers', () => {
  const reviewers = (...entries: string[]) => whole(`approvals: { reviewers: [${entries.join(', ')}] }`);
  const URL_ = 'url: "https://r.example.com/", secret: { env: KEY }';

  it('are behind HTTP or are programs', () => {
    const { config, problems } = reviewers(
      `{ principal: robot, ${URL_} }`,
      '{ principal: other, command: [/usr/bin/review, "-x", "-x"], timeout: 5s, includeStatement: true }',
    );
    expect(problems).toEqual([]);
    expect(config?.approvals.reviewers).toMatchObject([
      { principal: 'robot', url: 'https://r.example.com/', timeoutMs: 20_000, includeStatement: false },
      {
        principal: 'other',
        command: ['/usr/bin/review', '-x', '-x'],
        timeoutMs: 5000,
        includeStatement: true,
      },
    ]);
  });

  it.each([
    ['nobody', `{ principal: eve, ${URL_} }`, 'there is no service called eve'],
    ['a person', `{ principal: bob, ${URL_} }`, 'there is no service called bob'],
    ['neither', '{ principal: robot }', 'either url and secret, or command'],
    ['both', `{ principal: robot, ${URL_}, command: [/x] }`, 'either url and secret, or command'],
    ['no key', '{ principal: robot, url: "https://r" }', 'either url and secret, or command'],
    ['http in clear', '{ principal: robot, url: "http://r", secret: { env: KEY } }', 'would send in clear'],
    ['a name to search for', '{ principal: robot, command: [review] }', 'the program has no absolute path'],
    ['no program', '{ principal: robot, command: [] }', 'command'],
    ['no time', `{ principal: robot, ${URL_}, timeout: 1ms }`, 'timeout'],
  ])('are refused with %s', (_what, entry, message) => {
    expect(
      reviewers(entry)
        .problems.map((problem) => problem.message)
        .join(),
    ).toContain(message);
  });

  it('answer each as a principal of its own', () => {
    const { problems } = reviewers(`{ principal: robot, ${URL_} }`, '{ principal: robot, command: [/x] }');
    expect(problems[0]?.message).toBe('two reviewers answer as robot');
  });
});

describe('access', () => {
  const access = (text: string) => whole(`groups: [dba, security]\naccess: ${text}`);

  it('has a rule for each thing', () => {
    const { config, problems } = access(
      '{ groups: { dba: { approval: "groups=security", requesters: [security] } }, unmask: { email: { approval: "quorum=dba:1+security:1", maxDuration: 30m } } }',
    );
    expect(problems).toEqual([]);
    expect(config?.access.groups.get('dba')).toMatchObject({
      ...{ maxMs: 4 * 3_600_000, requesters: ['security'] },
      approval: { groups: ['security'], quorum: 1 },
    });
    expect(config?.access.unmask.get('email')).toMatchObject({ maxMs: 1_800_000, approval: { quorum: 2 } });
  });

  it.each([
    ['a rule that cannot be read', '{ groups: { dba: { approval: "security" } } }', 'cannot read'],
    ['a rule without groups', '{ groups: { dba: { approval: "quorum=1" } } }', 'must name the groups'],
    ['an unknown group', '{ groups: { ops: { approval: "groups=dba" } } }', 'there is no group "ops"'],
    ['unknown approvers', '{ groups: { dba: { approval: "groups=ops" } } }', 'there is no group "ops"'],
    [
      'unknown requesters',
      '{ groups: { dba: { approval: "groups=dba", requesters: [x] } } }',
      'no group "x"',
    ],
    [
      'an unknown database',
      '{ unmask: { email: { approval: "groups=dba", databases: [x] } } }',
      'there is no database "x"',
    ],
    ['a year', '{ groups: { dba: { approval: "groups=dba", maxDuration: 366d } } }', 'maxDuration'],
  ])('is refused with %s', (_what, text, message) => {
    expect(
      access(text)
        .problems.map((problem) => problem.message)
        .join(),
    ).toContain(message);
  });
});
