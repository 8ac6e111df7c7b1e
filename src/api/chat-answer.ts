/** An answer that came through a chat, once it is known whose it is. */
import type { Actor } from '../model/principal.ts';
import { type ApprovalDesk, visibleRequest } from './approval-routes.ts';

/** What somebody clicked. */
export type ChatAnswer = { readonly request: string } & (
  | { readonly kind: 'approve' }
  | { readonly kind: 'deny'; readonly reason: string }
);

/**
 * Counts it, if the person may see the request and answer it.
 * @param via the account that stood for the person
 * @throws {SluiceError} as `ApprovalDesk.vote`
 */
export async function countAnswer(
  desk: ApprovalDesk,
  actor: Actor,
  answer: ChatAnswer,
  via: string,
): Promise<void> {
  const { id } = await visibleRequest(desk, actor, answer.request);
  if (answer.kind === 'approve') await desk.vote(id, actor, 'approve', undefined, via);
  // A form may have several lines; a reason is one.
  else await desk.vote(id, actor, 'deny', answer.reason.replace(/\s+/g, ' ').trim(), via);
}
