/**
 * What Teams sends when somebody clicks on a card. Anything that is not one of the gate's own buttons is undefined.
 *
 * Spec: https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/universal-actions-for-adaptive-cards/work-with-universal-actions-for-adaptive-cards
 */
import { APPROVE_VERB, DENY_VERB, REASON_FIELD } from '../approvals/notifications/teams-card.ts';
import type { ChatAnswer } from './chat-answer.ts';

export type TeamsClick = ChatAnswer & {
  /** The object id of the account in Entra, in lower case. */
  readonly user: string;
  readonly tenant: string;
};

type Members = Readonly<Record<string, unknown>>;

/** Where the sender says it is; the token must say the same. */
export function serviceUrlOf(activity: unknown): string {
  const { serviceUrl } = members(activity);
  return typeof serviceUrl === 'string' ? serviceUrl : '';
}

export function readTeamsClick(activity: unknown): TeamsClick | undefined {
  const { type, name, channelId, from, conversation, value } = members(activity);
  if (type !== 'invoke' || name !== 'adaptiveCard/action' || channelId !== 'msteams') return undefined;
  const { verb, data } = members(members(value).action);
  const [user, tenant] = [text(members(from).aadObjectId), text(members(conversation).tenantId)];
  const request = text(members(data).request);
  if (user === undefined || tenant === undefined || request === undefined) return undefined;
  const click = { user: user.toLowerCase(), tenant: tenant.toLowerCase(), request };
  if (verb === APPROVE_VERB) return { kind: 'approve', ...click };
  if (verb !== DENY_VERB) return undefined;
  const reason = members(data)[REASON_FIELD];
  return { kind: 'deny', ...click, reason: typeof reason === 'string' ? reason : '' };
}

function members(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= 300 ? value : undefined;
}
