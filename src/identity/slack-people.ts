/**
 * Whose account of Slack it is: a person whose principal names it (`slackUser`), or, where the configuration says so, whose address
 * Slack has confirmed. Only people of the one workspace; bots, guests of other workspaces and removed accounts are nobody.
 */
import type { Actor } from '../model/principal.ts';
import { actorAlone, type Principals } from './actor-chain.ts';

export interface SlackUser {
  readonly id: string;
  /** The workspace it belongs to. */
  readonly team: string;
}

/** `user` of an answer of `users.info`; undefined if there is none. */
export type SlackProfile = Readonly<Record<string, unknown>>;

export interface SlackPeopleDeps {
  readonly principals: Principals;
  readonly team: string;
  /** Asks Slack; absent if addresses do not count. @throws {Error} of the network */
  readonly lookUp?: (userId: string) => Promise<SlackProfile | undefined>;
}

export class SlackPeople {
  readonly #deps: SlackPeopleDeps;
  readonly #byUser = new Map<string, string>();
  readonly #byEmail = new Map<string, string>();

  constructor(deps: SlackPeopleDeps) {
    this.#deps = deps;
    for (const { id, slackUser, email } of deps.principals.values()) {
      if (slackUser !== undefined) this.#byUser.set(slackUser, id);
      else if (email !== undefined) this.#byEmail.set(email.toLowerCase(), id);
    }
  }

  /** @throws {Error} of the network, if Slack has to be asked */
  async actorOf({ id, team }: SlackUser): Promise<Actor | undefined> {
    if (team !== this.#deps.team) return undefined;
    const named = this.#byUser.get(id) ?? (await this.#byConfirmedEmail(id));
    return named === undefined ? undefined : actorAlone(named, this.#deps.principals);
  }

  async #byConfirmedEmail(userId: string): Promise<string | undefined> {
    const user = await this.#deps.lookUp?.(userId);
    if (user === undefined || user.id !== userId || user.team_id !== this.#deps.team) return undefined;
    if (user.deleted !== false || user.is_bot !== false || user.is_email_confirmed !== true) return undefined;
    const email = (user.profile as Record<string, unknown> | undefined)?.email;
    return typeof email === 'string' ? this.#byEmail.get(email.toLowerCase()) : undefined;
  }
}
