import { describe, expect, it } from 'vitest';
import { checkConfig } from './load-config.ts';

function check(yaml: string, secrets: 'read' | 'skip' = 'read') {
  const deps = {
    env: { TOKEN: 'xoxb-secret', KEY: 'signing-secret', PASSWORD: 'mail-secret' },
    readFile: () => `version: 1\n${yaml}\n`,
    fileMode: () => 0o100600,
  };
  return checkConfig('/etc/sluice.yaml', deps, { secrets });
}
const approvals = (yaml: string) => check(`approvals: ${yaml}`);
const slack = (more: string) =>
  `{ slack: { token: { env: TOKEN }, team: T024BE7LD, channel: C024BE91L, ${more} } }`;
const email = (more: string, host = 'smtp.example.com') =>
  `{ email: { host: ${host}, from: sluice@example.com, ${more} } }`;

describe('Slack', () => {
  it('has no buttons without a signing secret, and believes no address unless told to', () => {
    expect(approvals(slack('')).config!.approvals.slack).toMatchObject({
      ...{ hasButtons: false, matchEmail: false, includeStatement: false, timeoutMs: 10_000 },
      apiUrl: 'https://slack.com/api',
    });
  });

  it('holds its secrets so that nothing prints them', () => {
    const { config } = approvals(slack('signingSecret: { env: KEY }'));
    expect(config!.approvals.slack!.signingSecret!.reveal()).toBe('signing-secret');
    expect(config!.approvals.slack!.token!.reveal()).toBe('xoxb-secret');
    expect(JSON.stringify(config!.approvals)).not.toMatch(/xoxb|signing-/);
    const skipped = check(`approvals: ${slack('signingSecret: { env: KEY }')}`, 'skip').config!.approvals
      .slack;
    expect(skipped).toMatchObject({ hasButtons: true });
    expect(skipped!.token).toBeUndefined();
  });

  it.each([
    ['another API in clear', slack('apiUrl: "http://slack.example.com/api"'), 'apiUrl would send in clear'],
    ['a channel by its name', slack('').replace('C024BE91L', '"#dba"'), 'Write the id as Slack shows it'],
    ['no workspace', slack('').replace('team: T024BE7LD, ', ''), 'slack lacks the key'],
    [
      'a webhook of its name',
      `{ webhooks: [{ url: "https://h", name: slack, secret: { env: KEY } }] }`,
      'is called slack',
    ],
  ])('is refused with %s', (_name, yaml, problem) => {
    expect(JSON.stringify(approvals(yaml).problems)).toContain(problem);
  });
});

describe('Teams', () => {
  const teams = (more = '', channel = '19:1a2b3c@thread.tacv2') =>
    `{ teams: { tenant: 11111111-2222-4333-8444-555555555555, appId: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee, password: { env: KEY }, channel: "${channel}", ${more} } }`;

  it('goes to Microsoft unless told otherwise, and holds its secret', () => {
    const { teams: read } = approvals(teams()).config!.approvals;
    expect(read).toMatchObject({
      serviceUrl: 'https://smba.trafficmanager.net/teams',
      loginUrl: 'https://login.microsoftonline.com',
      keysUrl: 'https://login.botframework.com/v1/.well-known/openidconfiguration',
    });
    expect(read!.password!.reveal()).toBe('signing-secret');
    expect(JSON.stringify(read)).not.toContain('signing-secret');
  });

  it.each(['loginUrl', 'serviceUrl', 'keysUrl'])('sends nothing in clear to another %s', (key) => {
    const { problems } = approvals(teams(`${key}: "http://teams.example.com"`));
    expect(problems[0]!.message).toBe(`${key} would send in clear`);
  });

  it('is refused a channel by its name', () => {
    expect(approvals(teams('', 'General')).problems).toHaveLength(1);
  });
});

describe('e-mail', () => {
  it.each([
    ['', 587, 'starttls'],
    ['tls: tls', 465, 'tls'],
    ['tls: tls, port: 2465', 2465, 'tls'],
    ['tls: disable, insecure: true', 587, 'disable'],
  ])('with "%s" goes to port %i by %s', (more, port, tls) => {
    expect(approvals(email(more)).config!.approvals.email).toMatchObject({ port, tls, to: [] });
  });

  it('goes in the clear within the machine only', () => {
    expect(approvals(email('tls: disable', '127.0.0.1')).problems).toEqual([]);
    expect(approvals(email('tls: disable')).problems[0]!.message).toBe('mails would be sent in clear');
  });

  it('logs in with a password from elsewhere', () => {
    const { config } = approvals(email('user: gate, password: { env: PASSWORD }'));
    expect(config!.approvals.email!.login!.password!.reveal()).toBe('mail-secret');
    expect(JSON.stringify(config!.approvals)).not.toContain('mail-secret');
    expect(approvals(email('user: gate')).problems[0]!.message).toBe('user and password belong together');
  });

  it.each([
    '"a@b\\r\\nBcc: c@d"',
    '"Alice <alice@example.com>"',
    '"\\"a\\"@example.com"',
    'alice',
    '"a@b, c@d"',
  ])('is never sent to %s', (address) => {
    expect(approvals(email(`to: [${address}]`)).problems).toHaveLength(1);
    expect(check(`principals: { a: { kind: human, email: ${address} } }`).problems).toHaveLength(1);
  });
});

describe('an account', () => {
  it('stands for one person', () => {
    const people = (a: string, b: string) =>
      check(`principals: { alice: { kind: human, ${a} }, bob: { kind: human, ${b} } }`).problems;
    expect(people('slackUser: U024BE7LH', 'slackUser: U024BE7LJ')).toEqual([]);
    expect(people('slackUser: U024BE7LH', 'slackUser: U024BE7LH')[0]!.message).toBe(
      'alice has the same slackUser',
    );
    expect(people('email: a@example.com', 'email: A@EXAMPLE.com')[0]!.message).toBe(
      'alice has the same email',
    );
  });

  it.each(['agent', 'service'])('is none of an %s', (kind) => {
    const { problems } = check(`principals: { bot: { kind: ${kind}, slackUser: U024BE7LH } }`);
    expect(problems[0]!.message).toBe('only a human has slackUser');
  });
});
