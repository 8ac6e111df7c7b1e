/** A channel of Microsoft Teams that shows each request in one card, changed in place with each of its steps. */
import type { TeamsConfig } from '../../config/notification-config.ts';
import type { ApprovalRecord, Notice } from '../../store/store.ts';
import type { Attempt, Receiver } from './receiver.ts';
import { wordsForAll } from './request-words.ts';
import type { TeamsAnswer, TeamsApi } from './teams-api.ts';
import { teamsCard } from './teams-card.ts';

export class TeamsChannel implements Receiver {
  readonly name = 'teams';
  readonly timeoutMs: number;
  readonly #api: TeamsApi;
  readonly #includeStatement: boolean;
  readonly #publicUrl: string | undefined;

  constructor(config: TeamsConfig, api: TeamsApi, publicUrl?: string) {
    this.timeoutMs = config.timeoutMs;
    this.#api = api;
    this.#includeStatement = config.includeStatement;
    this.#publicUrl = publicUrl;
  }

  bodyOf({ request }: ApprovalRecord): string {
    const publicUrl = this.#publicUrl === undefined ? {} : { publicUrl: this.#publicUrl };
    const words = wordsForAll(request, { includeStatement: this.#includeStatement, ...publicUrl });
    return JSON.stringify(teamsCard(words));
  }

  async send({ body }: Notice, place: string | undefined, signal: AbortSignal): Promise<Attempt> {
    const card = JSON.parse(body) as object;
    if (place !== undefined) {
      const [conversation, activity] = place.split(' ') as [string, string];
      const answer = await this.#api.update({ conversation, activity }, card, signal);
      // A card that somebody removed is posted anew.
      if (answer.ok) return { sent: true };
      if (!answer.isGone) return failureOf(answer);
    }
    const answer = await this.#api.post(card, signal);
    if (!answer.ok) return failureOf(answer);
    const { place: posted } = answer;
    return posted === undefined
      ? { sent: true }
      : { sent: true, place: `${posted.conversation} ${posted.activity}` };
  }
}

function failureOf({ why, retryAfterMs }: Extract<TeamsAnswer, { ok: false }>): Attempt {
  return { sent: false, why, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
