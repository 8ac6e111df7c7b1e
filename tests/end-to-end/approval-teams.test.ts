/** Requests in a channel of Microsoft Teams: one card each, answered by clicks that Microsoft vouches for, of people who may. */
import { generateKeyPair } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';
import { TEAMS_APP, TeamsPeer } from '../support/teams-peer.ts';

const ALICE = '00000000-aaaa-4000-8000-000000000001';
const BOB = '00000000-bbbb-4000-8000-000000000002';
const STRANGER = '00000000-cccc-4000-8000-000000000003';

const teams = new TeamsPeer();
let gate: Gate;

beforeAll(async () => {
  await teams.start();
  const { password, ...app } = TEAMS_APP;
  gate = await startGate({
    principals: { alice: { teamsUser: ALICE }, bob: { teamsUser: BOB, groups: ['support', 'dba'] } },
    files: { password },
    yaml: `approvals:
  publicUrl: https://sluice.example.com
  teams: ${JSON.stringify({
    ...{ ...app, password: { file: 'password' }, includeStatement: true, serviceUrl: teams.serviceUrl },
    ...{ loginUrl: `${teams.url}/login`, keysUrl: `${teams.url}/metadata` },
  })}`,
  });
  teams.gateUrl = gate.httpUrl;
});
afterAll(async () => {
  await gate.stop();
  teams.stop();
});
beforeEach(() => {
  teams.cards.clear();
  teams.refuseWith = undefined;
});

const poll = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 20 });
let count = 0;
async function hold(): Promise<string> {
  count += 1;
  const bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
  const sql = `UPDATE orders SET status = $1 WHERE id = ${count} AND status <> '[click](https://evil.example) **x**'`;
  await expect(bot.query(sql, ['hidden-value'])).rejects.toMatchObject({ code: 'SL002' });
  await poll(() => teams.cards.size).toBe(1);
  return (await newest()).id;
}
const newest = async () => {
  const { body } = await gate.api('alice', 'GET', '/v1/approvals?limit=1');
  return (body.approvals as { id: string; state: string; votes: object[] }[])[0]!;
};
const approve = (request: string) => ({ type: 'Action.Execute', verb: 'sluice_approve', data: { request } });

describe('a card', () => {
  test('is one that Microsoft reads, holds no value, and is changed in place', async () => {
    const id = await hold();
    expect(teams.complaints).toEqual([]);
    expect(teams.shown()).toContain('"text":"Approval needed: UPDATE on shop"');
    expect(teams.shown()).toContain(`https://sluice.example.com/approvals/${id}`);
    expect(teams.shown()).not.toContain('hidden-value');
    const answer = await teams.click(ALICE, 'sluice_approve');
    expect(await answer.json()).toEqual({
      ...{
        statusCode: 200,
        type: 'application/vnd.microsoft.activity.message',
        value: 'Your answer counts.',
      },
    });
    await poll(() => teams.shown()).toContain('Approved: UPDATE on shop');
    expect(teams.cards.size).toBe(1);
    expect(teams.shown()).not.toContain('sluice_approve');
    expect(await newest()).toMatchObject({ votes: [{ principal: 'alice', via: `teams:${ALICE}` }] });
    expect(teams.complaints).toEqual([]);
  });

  test('shows markup of others in elements that know none', async () => {
    await hold();
    const kinds = new Set<unknown>();
    JSON.parse(teams.shown(), (_key, value) => {
      if (typeof value?.text === 'string') kinds.add(value.type);
      return value;
    });
    expect([...kinds]).toEqual(['TextRun']);
  });

  test('that was removed is posted anew; a token that ended is replaced', async () => {
    const id = await hold();
    teams.cards.clear();
    teams.refuseWith = 401;
    await gate.api('alice', 'POST', `/v1/approvals/${id}/deny`, { reason: 'no' });
    const tokens = () => teams.calls.filter((call) => call.includes('/oauth2/')).length;
    const before = tokens();
    await poll(tokens).toBeGreaterThan(before);
    teams.refuseWith = undefined;
    await poll(() => teams.shown()).toContain('Denied: UPDATE on shop');
  });
});

describe('a click', () => {
  test('to deny brings its reason', async () => {
    await hold();
    const empty = await teams.click(ALICE, 'sluice_deny', { reason: '  ' });
    expect(await empty.json()).toMatchObject({
      value: 'Your answer does not count: a denial needs a reason.',
    });
    await teams.click(ALICE, 'sluice_deny', { reason: 'Name the customer.' });
    expect(await newest()).toMatchObject({ state: 'denied', votes: [{ reason: 'Name the customer.' }] });
  });

  test.each([
    ['the person it was asked for', BOB, TEAMS_APP.tenant, 'made on their behalf'],
    ['a stranger', STRANGER, TEAMS_APP.tenant, 'stands for nobody'],
    ['the account in another tenant', ALICE, STRANGER, 'stands for nobody'],
  ])('of %s does not count', async (_name, user, tenant, why) => {
    await hold();
    const answer = await teams.click(user, 'sluice_approve', {}, tenant);
    expect(await answer.json()).toMatchObject({ value: expect.stringContaining(why) });
    expect(await newest()).toMatchObject({ state: 'pending', votes: [] });
  });

  test('that comes twice counts once', async () => {
    await hold();
    const activity = teams.activity(ALICE, approve((await newest()).id));
    const token = await teams.token();
    const answers = await Promise.all([teams.send(activity, token), teams.send(activity, token)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await newest()).votes).toHaveLength(1);
  });

  test('without a good token is refused', async () => {
    const id = await hold();
    const activity = teams.activity(ALICE, approve(id));
    const foreign = await generateKeyPair('RS256');
    const [header, payload, signature] = (await teams.token()).split('.') as [string, string, string];
    const unsigned = Buffer.from('{"alg":"none","kid":"key-1"}').toString('base64url');
    const tokens: Record<string, string | undefined> = {
      'no token': undefined,
      'another key': await teams.token({}, foreign),
      'another app': await teams.token({ audience: STRANGER }),
      'another issuer': await teams.token({ issuer: 'https://sts.windows.net/x' }),
      'another service': await teams.token({ serviceurl: 'https://smba.trafficmanager.net/other' }),
      'a token that ended': await teams.token({ expiresIn: -400 }),
      'no algorithm': `${unsigned}.${payload}.`,
      'no signature': `${header}.${payload}.`,
      'a cut signature': `${header}.${payload}.${signature.slice(0, 40)}`,
      nonsense: 'x',
    };
    for (const [name, token] of Object.entries(tokens))
      expect([name, (await teams.send(activity, token)).status]).toEqual([name, 401]);
    expect(
      (await teams.send({ ...activity, serviceUrl: 'https://evil.example' }, await teams.token())).status,
    ).toBe(401);
    for (const body of [null, [], { ...activity, serviceUrl: undefined }])
      expect((await teams.send(body, await teams.token())).status).toBe(401);
    expect(await newest()).toMatchObject({ state: 'pending', votes: [] });
    expect((await teams.send(activity, await teams.token())).status).toBe(200);
  });

  test.each([
    ['a message to the bot', { type: 'message', text: 'approve everything' }],
    ['another button', { type: 'invoke', name: 'adaptiveCard/action', value: { action: { verb: 'x' } } }],
    ['lists where members are expected', { type: 'invoke', from: [], value: [] }],
  ])('that holds %s means nothing', async (_name, activity) => {
    const answer = await teams.send({ ...activity, serviceUrl: teams.serviceUrl }, await teams.token());
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });
});
