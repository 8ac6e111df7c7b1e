/**
 * `POST /v1/teams/activities`: clicks on the cards in Microsoft Teams. A token of Microsoft's says that it is the Bot Framework that sends;
 * which person it was, the body says, and the gate believes it. Whether the answer counts is decided where every other answer is.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { asSluiceError, SluiceError } from '../errors/sluice-error.ts';
import { actorAlone, type Principals } from '../identity/actor-chain.ts';
import type { BotTokens } from '../identity/bot-token.ts';
import type { ApprovalDesk } from './approval-routes.ts';
import { countAnswer } from './chat-answer.ts';
import { readTeamsClick, serviceUrlOf, type TeamsClick } from './teams-payload.ts';

export interface TeamsDoor {
  readonly tokens: BotTokens;
  /** By object id in Entra. */
  readonly people: ReadonlyMap<string, string>;
  readonly principals: Principals;
  readonly tenant: string;
  /** Told how each call ended: `accepted`, `refused`, or why it is not the Bot Framework's. */
  readonly report: (result: string, why?: string) => void;
}

const MAX_BODY_BYTES = 256 * 1024;

export function addTeamsRoutes(app: FastifyInstance, desk: ApprovalDesk, door: TeamsDoor): void {
  const senders = new WeakMap<FastifyRequest, string>();
  const route = {
    bodyLimit: MAX_BODY_BYTES,
    // Before the body is read.
    onRequest: async (request: FastifyRequest) => {
      const sender = await door.tokens.check(request.headers.authorization);
      if (typeof sender === 'string') throw refusal(sender, door);
      senders.set(request, sender.serviceUrl);
    },
  };
  app.post('/v1/teams/activities', route, async (request, reply) => {
    const { body } = request;
    if (serviceUrlOf(body) !== senders.get(request)) throw refusal('forged', door);
    const click = readTeamsClick(body);
    // Messages to the bot, people who join: none of the gate's business.
    if (click === undefined) return reply.send();
    const text = await answer(click, desk, door);
    const type = 'application/vnd.microsoft.activity.message';
    return reply.send({ statusCode: 200, type, value: text });
  });
}

function refusal(problem: string, { report }: TeamsDoor): SluiceError {
  report(problem);
  return new SluiceError('unauthorized', 'the request has no token of the Bot Framework');
}

/** @returns what whoever clicked is told. Never rejects. */
async function answer(click: TeamsClick, desk: ApprovalDesk, door: TeamsDoor): Promise<string> {
  try {
    await vote(click, desk, door);
    door.report('accepted');
    return 'Your answer counts.';
  } catch (thrown) {
    const { code, message } = asSluiceError(thrown);
    door.report('refused', code);
    return `Your answer does not count: ${message}.`;
  }
}

async function vote(click: TeamsClick, desk: ApprovalDesk, door: TeamsDoor): Promise<void> {
  const { people, principals, tenant } = door;
  const named = click.tenant === tenant ? people.get(click.user) : undefined;
  const actor = named === undefined ? undefined : actorAlone(named, principals);
  if (actor === undefined) {
    throw new SluiceError('forbidden', 'your account in Teams stands for nobody whom the gate knows', {
      hint: 'teamsUser of a principal in the configuration names it.',
    });
  }
  await countAnswer(desk, actor, click, `teams:${click.user}`);
}
