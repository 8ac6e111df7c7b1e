/**
 * `POST /v1/slack/interactions`: clicks on the messages in Slack. Slack's signature says that Slack sent it; which person it was, Slack
 * says too, and the gate believes it. Whether the answer counts is decided where every other answer is.
 *
 * Spec: https://docs.slack.dev/interactivity/handling-user-interaction/
 */
import type { FastifyInstance } from 'fastify';
import type { SlackApi } from '../approvals/notifications/slack-api.ts';
import { denialForm, escapeMrkdwn } from '../approvals/notifications/slack-message.ts';
import { asSluiceError, SluiceError } from '../errors/sluice-error.ts';
import type { SlackPeople } from '../identity/slack-people.ts';
import type { SlackSignatures } from '../identity/slack-signature.ts';
import type { ApprovalDesk } from './approval-routes.ts';
import { countAnswer } from './chat-answer.ts';
import { readClick, type SlackClick } from './slack-payload.ts';

export interface SlackDoor {
  readonly signatures: SlackSignatures;
  readonly people: SlackPeople;
  readonly api: SlackApi;
  /** Where people are told what is wrong with their click. */
  readonly channel: string;
  /** Told how each call ended: `accepted`, `refused`, or why it is not Slack's. */
  readonly report: (result: string, why?: string) => void;
}

type Answering = Exclude<SlackClick, { readonly kind: 'ask-reason' }>;

/** A message of ours comes back within the click. */
const MAX_BODY_BYTES = 256 * 1024;
/** Slack shows a form within three seconds of the click, or never. */
const CALL_TIMEOUT_MS = 10_000;
/** Clicks that are worked on at once. */
const MAX_BUSY = 64;

export function addSlackRoutes(app: FastifyInstance, desk: ApprovalDesk, door: SlackDoor): void {
  let busy = 0;
  app.register(async (slack) => {
    slack.removeAllContentTypeParsers();
    slack.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
      (_request, body, done) => done(null, body),
    );
    slack.post<{ Body: Buffer }>('/v1/slack/interactions', async ({ headers, body }, reply) => {
      const problem = door.signatures.check(
        headers['x-slack-request-timestamp'],
        headers['x-slack-signature'],
        body ?? Buffer.alloc(0),
      );
      if (problem !== undefined) throw refusal(problem, door);
      if (busy >= MAX_BUSY) throw refusal('busy', door);
      const click = readClick(body);
      if (click === undefined) return reply.send();
      busy += 1;
      const done = work(click, desk, door).finally(() => {
        busy -= 1;
      });
      // A form shows what is wrong with it; for a button, Slack only waits to hear that the click arrived.
      if (click.kind === 'deny') return reply.send(await done);
      return reply.send();
    });
  });
}

/** @returns the answer to a form: nothing, or what is wrong with it. Never rejects. */
async function work(click: SlackClick, desk: ApprovalDesk, door: SlackDoor): Promise<object | undefined> {
  try {
    if (click.kind === 'ask-reason') await askReason(click.request, click.trigger, door);
    else await answer(click, desk, door);
    door.report('accepted');
    return undefined;
  } catch (thrown) {
    const { code, message } = asSluiceError(thrown);
    door.report('refused', code);
    if (click.kind === 'deny') return { response_action: 'errors', errors: { reason: message } };
    await tell(click.user.id, message, door);
    return undefined;
  }
}

async function answer(click: Answering, desk: ApprovalDesk, { people }: SlackDoor): Promise<void> {
  const actor = await people.actorOf(click.user).catch((cause: unknown) => {
    throw new SluiceError('upstream_unavailable', 'Slack did not say who you are; try again', { cause });
  });
  if (actor === undefined) {
    throw new SluiceError('forbidden', 'your Slack account stands for nobody whom the gate knows', {
      hint: 'slackUser of a principal in the configuration names it.',
    });
  }
  await countAnswer(desk, actor, click, `slack:${click.user.id}`);
}

async function askReason(request: string, trigger: string, { api }: SlackDoor): Promise<void> {
  const view = denialForm(request);
  const opened = await api.call('views.open', { trigger_id: trigger, view }, timeout());
  if (!opened.ok) throw new SluiceError('upstream_unavailable', `Slack did not open the form: ${opened.why}`);
}

/** Only the person who clicked sees it. */
async function tell(user: string, message: string, { api, channel, report }: SlackDoor): Promise<void> {
  const text = escapeMrkdwn(`Your answer does not count: ${message}.`);
  const told = await api
    .call('chat.postEphemeral', { channel, user, text }, timeout())
    .catch((error: Error) => ({ ok: false as const, why: error.message }));
  if (!told.ok) report('untold', told.why);
}

const timeout = () => AbortSignal.timeout(CALL_TIMEOUT_MS);

function refusal(problem: string, { report }: SlackDoor): SluiceError {
  report(problem);
  if (problem === 'busy') return new SluiceError('too_many_connections', 'too many clicks at once');
  return new SluiceError('unauthorized', 'the request is not signed by Slack, or not now');
}
