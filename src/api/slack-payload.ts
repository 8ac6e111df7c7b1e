/**
 * What Slack sends when somebody clicks. It is signed, so it is Slack's word; what people typed in it is theirs. Anything that is not
 * one of the gate's own buttons or forms is undefined.
 *
 * Spec: https://docs.slack.dev/reference/interaction-payloads/
 */
import {
  APPROVE_ACTION,
  DENY_ACTION,
  DENY_FORM,
  REASON_BLOCK,
  REASON_INPUT,
} from '../approvals/notifications/slack-message.ts';
import type { SlackUser } from '../identity/slack-people.ts';
import type { ChatAnswer } from './chat-answer.ts';

export type SlackClick = { readonly user: SlackUser } & (
  | ChatAnswer
  | { readonly kind: 'ask-reason'; readonly request: string; readonly trigger: string }
);

/** @param body of the form `payload=…`, UTF-8 */
export function readClick(body: Buffer): SlackClick | undefined {
  const payload = parse(new URLSearchParams(body.toString('utf8')).get('payload'));
  const user = userOf(payload);
  if (user === undefined) return undefined;
  return payload.type === 'view_submission' ? readForm(payload, user) : readButton(payload, user);
}

function readButton(payload: Members, user: SlackUser): SlackClick | undefined {
  if (payload.type !== 'block_actions' || !Array.isArray(payload.actions)) return undefined;
  const action = members(payload.actions[0]);
  const request = text(action.value);
  if (request === undefined) return undefined;
  if (action.action_id === APPROVE_ACTION) return { kind: 'approve', user, request };
  const trigger = text(payload.trigger_id);
  if (action.action_id !== DENY_ACTION || trigger === undefined) return undefined;
  return { kind: 'ask-reason', user, request, trigger };
}

function readForm({ view }: Members, user: SlackUser): SlackClick | undefined {
  const { callback_id, private_metadata, state } = members(view);
  const block = members(members(members(state).values)[REASON_BLOCK]);
  const reason = members(block[REASON_INPUT]).value;
  const request = text(private_metadata);
  if (callback_id !== DENY_FORM || request === undefined) return undefined;
  return { kind: 'deny', user, request, reason: typeof reason === 'string' ? reason : '' };
}

function userOf(payload: Members): SlackUser | undefined {
  const user = members(payload.user);
  const [id, team] = [text(user.id), text(user.team_id)];
  return id === undefined || team === undefined ? undefined : { id, team };
}

type Members = Readonly<Record<string, unknown>>;

function parse(json: string | null): Members {
  try {
    return members(JSON.parse(json ?? ''));
  } catch {
    return {};
  }
}

function members(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= 300 ? value : undefined;
}
