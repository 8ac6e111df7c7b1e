/** The doors through which chats bring in clicks, where the configuration opens them. */
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { SlackDoor } from '../api/slack-routes.ts';
import type { TeamsDoor } from '../api/teams-routes.ts';
import { fetchBotKeys } from '../approvals/notifications/bot-keys.ts';
import type { SlackConfig, TeamsConfig } from '../config/notification-config.ts';
import type { Principals } from '../identity/actor-chain.ts';
import { BotTokens } from '../identity/bot-token.ts';
import { SlackPeople, type SlackProfile } from '../identity/slack-people.ts';
import { SlackSignatures } from '../identity/slack-signature.ts';
import { requireSecret, slackApi } from './receivers.ts';

export interface ChatDoorOptions {
  readonly principals: Principals;
  readonly registry: Registry;
  readonly log: Logger;
}

/** Slack shows what is wrong with a form only if it hears of it within three seconds. */
const LOOK_UP_TIMEOUT_MS = 2000;

/** @throws {SluiceError} config_invalid if a secret was not read */
export function openSlackDoor(
  config: SlackConfig | undefined,
  { principals, ...options }: ChatDoorOptions,
): SlackDoor | undefined {
  if (config?.hasButtons !== true) return undefined;
  const api = slackApi(config);
  const lookUp = async (user: string): Promise<SlackProfile | undefined> => {
    const answer = await api.ask('users.info', { user }, AbortSignal.timeout(LOOK_UP_TIMEOUT_MS));
    if (answer.ok) return answer.user as SlackProfile | undefined;
    if (answer.why === 'user_not_found') return undefined;
    throw new Error(answer.why);
  };
  const secret = requireSecret(config.signingSecret, 'Slack');
  return {
    signatures: new SlackSignatures({ secret, now: Date.now }),
    people: new SlackPeople({
      principals,
      team: config.team,
      ...(config.matchEmail ? { lookUp } : {}),
    }),
    api,
    channel: config.channel,
    report: measureDoor('slack', options),
  };
}

export function openTeamsDoor(
  config: TeamsConfig | undefined,
  { principals, ...options }: ChatDoorOptions,
): TeamsDoor | undefined {
  if (config === undefined) return undefined;
  const { appId, tenant, keysUrl } = config;
  const people = [...principals.values()].flatMap(({ id, teamsUser }) =>
    teamsUser === undefined ? [] : [[teamsUser, id] as const],
  );
  return {
    tokens: new BotTokens({ appId, fetchKeys: () => fetchBotKeys(keysUrl), now: Date.now }),
    people: new Map(people),
    ...{ principals, tenant, report: measureDoor('teams', options) },
  };
}

function measureDoor(door: string, { registry, log }: Omit<ChatDoorOptions, 'principals'>) {
  const calls = new Counter({
    name: `sluice_${door}_interactions_total`,
    help: `Calls of ${door}: accepted, refused (the person may not), or why they were not taken for its own`,
    labelNames: ['result'],
    registers: [registry],
  });
  return (result: string, why?: string) => {
    calls.inc({ result });
    // What anybody can send is counted, not logged: it would fill the log.
    if (result === 'refused' || result === 'untold') log.warn({ door, result, why }, 'a click did not count');
  };
}
