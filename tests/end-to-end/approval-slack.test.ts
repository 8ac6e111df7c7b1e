/** Requests in a channel of Slack: shown in one message, answered by clicks that are Slack's and of people who may. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';
import { SLACK_CHANNEL, SLACK_SECRET, SLACK_TEAM, SLACK_TOKEN, SlackPeer } from '../support/slack-peer.ts';

const TWO_PEOPLE = `@id("two-people")
@approval("groups=dba,support; quorum=2")
forbid (principal is Agent, action == Action::"Update", resource);

@id("soon-more-people")
@approval("groups=dba; escalate=support after 10s")
forbid (principal is Service, action == Action::"Delete", resource);`;

const slack = new SlackPeer();
let gate: Gate;

beforeAll(async () => {
  await slack.start();
  gate = await startGate({
    principals: {
      alice: { slackUser: 'U0ALICE00', groups: ['dba', 'support'] },
      anna: { email: 'Anna@example.com' },
      bob: { slackUser: 'U0BOB0000', groups: ['support', 'dba'] },
    },
    files: { token: SLACK_TOKEN, signing: SLACK_SECRET, 'two.cedar': TWO_PEOPLE },
    yaml: `policies: { files: [./two.cedar] }
approvals:
  publicUrl: https://sluice.example.com
  slack: { token: { file: token }, signingSecret: { file: signing }, team: ${SLACK_TEAM}, channel: ${SLACK_CHANNEL},
    matchEmail: true, apiUrl: "${slack.apiUrl}" }`,
  });
  slack.gateUrl = gate.httpUrl;
  slack.profiles.set('U0ANNA000', profile('U0ANNA000', 'anna@example.com'));
});
afterAll(async () => {
  await gate.stop();
  slack.stop();
});
beforeEach(() => {
  slack.messages.clear();
  slack.ephemeral.length = 0;
  slack.forms.length = 0;
  slack.fault = undefined;
});

const profile = (id: string, email: string, changes: object = {}) => ({
  ...{ id, team_id: SLACK_TEAM, deleted: false, is_bot: false, is_email_confirmed: true, profile: { email } },
  ...changes,
});

let count = 0;
/** Holds a statement of report-bot for bob; resolves with its message. */
async function hold(): Promise<void> {
  count += 1;
  const bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
  await expect(
    bot.query(`UPDATE orders SET status = 'hidden-value' WHERE id = ${count}`),
  ).rejects.toMatchObject({ code: 'SL002' });
  await poll(() => slack.messages.size).toBe(1);
}
const poll = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 20 });
const message = () => [...slack.messages.values()].at(-1)!;
const shown = () => JSON.stringify(message());
const newest = async () => {
  const { body } = await gate.api('alice', 'GET', '/v1/approvals?limit=1');
  return (body.approvals as { id: string; state: string; votes: object[] }[])[0]!;
};

describe('a message', () => {
  test('says what a reviewer needs, without values, and is changed in place by every step', async () => {
    await hold();
    const { text, blocks, ts } = message();
    expect(text).toBe('Approval needed: UPDATE on shop');
    expect(blocks.map(({ type }) => type)).toEqual(['header', 'rich_text', 'context', 'actions']);
    expect(shown()).toContain('report-bot for bob');
    expect(shown()).not.toContain('hidden-value');
    const { id } = await newest();
    expect(shown()).toContain(`https://sluice.example.com/approvals/${id}`);
    expect((await slack.click({ user: 'U0ALICE00' }, 'sluice_approve')).status).toBe(200);
    await poll(shown).toContain('approved by');
    expect(message().blocks.at(-1)?.type).toBe('actions');
    await slack.click({ user: 'U0ANNA000' }, 'sluice_approve');
    await poll(() => message().text).toBe('Approved: UPDATE on shop');
    expect([slack.messages.size, message().ts]).toEqual([1, ts]);
    expect(JSON.stringify(message().blocks.at(-1))).not.toContain('sluice_approve');
    expect((await newest()).votes).toMatchObject([
      { principal: 'alice', verdict: 'approve', via: 'slack:U0ALICE00' },
      { principal: 'anna', verdict: 'approve', via: 'slack:U0ANNA000' },
    ]);
    const recorded = (await gate.entries()).map(({ event }) => event);
    expect(recorded).toContainEqual(
      expect.objectContaining({
        kind: 'approval',
        request: id,
        step: 'vote',
        by: 'anna',
        via: 'slack:U0ANNA000',
      }),
    );
  });

  test('that somebody removed is posted anew, and what Slack refuses for now is tried again', async () => {
    await hold();
    const before = message().ts;
    slack.messages.clear();
    let refused = 0;
    slack.fault = (response) => {
      refused += 1;
      if (refused === 2) slack.fault = undefined;
      response.writeHead(429, { 'retry-after': '0' }).end('slow down');
    };
    await gate.api('alice', 'POST', `/v1/approvals/${(await newest()).id}/deny`, { reason: 'no' });
    await poll(() => slack.messages.size).toBe(1);
    expect(message().ts).not.toBe(before);
    expect(message().text).toBe('Denied: UPDATE on shop');
    expect(refused).toBe(2);
  });
});

test('an escalation is told in the channel, in the thread of the one message', {
  timeout: 90_000,
}, async () => {
  const app = await gate.client('app', { options: '-c sluice.on_hold=fail' });
  await expect(app.query('DELETE FROM orders WHERE id = 77')).rejects.toMatchObject({ code: 'SL002' });
  await expect.poll(() => slack.replies.length, { timeout: 50_000 }).toBe(1);
  expect(slack.replies[0]).toEqual({
    ...{ thread: message().ts, isBroadcast: true },
    text: 'Approval needed: DELETE on shop: nobody has settled it, so more people may answer.',
  });
  expect([slack.messages.size, shown()]).toEqual([1, expect.stringContaining('to support')]);
});

describe('a click', () => {
  test('to deny asks for a reason, which whoever asked is told', async () => {
    await hold();
    await slack.click({ user: 'U0ALICE00' }, 'sluice_deny');
    await poll(() => slack.forms.length).toBe(1);
    expect((await newest()).state).toBe('pending');
    const empty = await slack.submit({ user: 'U0ALICE00' }, null);
    expect(await empty.json()).toEqual({
      response_action: 'errors',
      errors: { reason: 'a denial needs a reason' },
    });
    const sent = await slack.submit({ user: 'U0ALICE00' }, 'Name the\ncustomer first.');
    expect([sent.status, await sent.text()]).toEqual([200, '']);
    await poll(() => message().text).toBe('Denied: UPDATE on shop');
    expect(shown()).toContain('alice (Name the customer first.)');
  });

  test.each([
    [
      'of the person on whose behalf it was asked',
      { user: 'U0BOB0000' },
      'nobody answers a request that was made',
    ],
    ['of somebody the gate does not know', { user: 'U0NOBODY0' }, 'stands for nobody'],
    ['of the same id in another workspace', { user: 'U0ALICE00', team: 'T0FOREIGN' }, 'stands for nobody'],
  ])('%s does not count, and the person is told', async (_name, person, why) => {
    await hold();
    expect((await slack.click(person, 'sluice_approve')).status).toBe(200);
    await poll(() => slack.ephemeral.length).toBe(1);
    expect(slack.ephemeral[0]).toMatchObject({ user: person.user, text: expect.stringContaining(why) });
    expect(await newest()).toMatchObject({ state: 'pending', votes: [] });
  });

  test.each([
    ['not confirmed', { is_email_confirmed: false }],
    ['of a removed account', { deleted: true }],
    ['of a bot', { is_bot: true }],
    ['of a guest of another workspace', { team_id: 'T0FOREIGN' }],
    ['of a person who is named by another account', { profile: { email: 'alice@example.com' } }],
  ])('of somebody whose address is %s does not count', async (_name, changes) => {
    slack.profiles.set('U0STRANGE', profile('U0STRANGE', 'anna@example.com', changes));
    await hold();
    await slack.click({ user: 'U0STRANGE' }, 'sluice_approve');
    await poll(() => slack.ephemeral[0]?.text).toContain('stands for nobody');
    expect(await newest()).toMatchObject({ votes: [] });
  });

  test('of one person counts once, in however many groups they are, and however often it comes', async () => {
    await hold();
    await slack.click({ user: 'U0ALICE00' }, 'sluice_approve');
    await poll(shown).toContain('approved by');
    await slack.click({ user: 'U0ALICE00' }, 'sluice_approve');
    await poll(() => slack.ephemeral[0]?.text).toContain('alice has already answered');
    const { state, votes } = await newest();
    expect([state, votes.length]).toEqual(['pending', 1]);
  });

  test('that is forged, old or repeated is refused, and changes nothing', async () => {
    await hold();
    const { id } = await newest();
    const body = new URLSearchParams({
      payload: JSON.stringify({
        ...{ type: 'block_actions', user: { id: 'U0ALICE00', team_id: SLACK_TEAM }, trigger_id: 't' },
        actions: [{ action_id: 'sluice_approve', value: id }],
      }),
    }).toString();
    const now = Math.floor(Date.now() / 1000);
    expect((await slack.sendBody(body, { secret: 'guessed' })).status).toBe(401);
    expect((await slack.sendBody(body, { timestamp: now - 400 })).status).toBe(401);
    expect((await slack.sendBody(body, { timestamp: now + 400 })).status).toBe(401);
    expect(await newest()).toMatchObject({ votes: [] });
    expect((await slack.sendBody(body, { timestamp: now })).status).toBe(200);
    await poll(shown).toContain('approved by');
    expect((await slack.sendBody(body, { timestamp: now })).status).toBe(401);
    const metrics = await (await fetch(`${gate.httpUrl}/metrics`)).text();
    for (const result of ['forged', 'stale', 'repeated', 'accepted'])
      expect(metrics).toMatch(new RegExp(`sluice_slack_interactions_total\\{result="${result}"\\} [1-9]`));
  });

  test.each([
    ['nothing', ''],
    ['no JSON', 'payload=%7B'],
    ['null', 'payload=null'],
    [
      'a foreign button',
      `payload=${JSON.stringify({ type: 'block_actions', user: { id: 'U', team_id: 'T' }, actions: [{ action_id: 'x', value: 'y' }] })}`,
    ],
    [
      'lists where members are expected',
      `payload=${JSON.stringify({ type: 'view_submission', user: [], view: [] })}`,
    ],
    [
      'a prototype',
      `payload=${JSON.stringify({ type: 'block_actions', user: '__proto__', actions: '__proto__' })}`,
    ],
  ])('that holds %s is taken and means nothing', async (_name, body) => {
    expect((await slack.sendBody(body)).status).toBe(200);
  });

  test('that is larger than any message is refused unread', async () => {
    expect((await slack.sendBody(`payload=${'x'.repeat(300_000)}`)).status).toBe(413);
  });
});
