/**
 * Access asked for a time: a membership, or the sight of a label. Asked for like a held statement, with a reason, and answered the same way
 * under the rule that the configuration has for it.
 */
import type { AccessConfig, AccessRule } from '../config/config.ts';
import { formatDuration } from '../config/quantity.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { AccessRight, AccessWish } from '../model/grant.ts';
import type { Actor } from '../model/principal.ts';
import type { Approvals } from './approvals.ts';
import { digestOf } from './binding.ts';
import { rightName } from './grants.ts';
import { checkReason } from './vote-rules.ts';

export interface AccessDeskOptions {
  readonly config: AccessConfig;
  readonly databases: ReadonlySet<string>;
  readonly approvals: Pick<Approvals, 'request'>;
}

const MIN_MS = 60_000;

export class AccessDesk {
  readonly #o: AccessDeskOptions;

  constructor(options: AccessDeskOptions) {
    this.#o = options;
  }

  /**
   * Asks for access. Asked again while it waits, it is the same request.
   * @throws {SluiceError} not_found (nothing of the kind can be lent), forbidden (not to this actor), bad_request (time, reason),
   *   conflict (too many requests), ledger_*, store_unavailable
   */
  async ask(actor: Actor, wish: AccessWish, reason: string): Promise<ApprovalRequest> {
    const rule = this.#ruleOf(wish.right, actor);
    if (!Number.isSafeInteger(wish.forMs) || wish.forMs < MIN_MS || wish.forMs > rule.maxMs) {
      throw new SluiceError('bad_request', `it is lent for 1m to ${formatDuration(rule.maxMs)}`);
    }
    checkReason(reason);
    const { right } = wish;
    return this.#o.approvals.request({
      binding: {
        principal: actor.principal.id,
        onBehalfOf: actor.onBehalfOf.map(({ id }) => id),
        database: 'database' in right ? right.database : '',
        // Told apart from every statement: no parse tree has the digest of a wish.
        astDigests: [digestOf({ access: wish })],
        ...{ parameters: [], objectsDigests: [] },
      },
      ...{ sessionId: '', holdMode: 'fail', statement: wishText(wish), facts: [] },
      purpose: reason,
      policies: [{ id: `access:${rightName(right)}`, effect: 'builtin' }],
      ...{ policyVersion: '', rule: rule.approval, access: wish },
    });
  }

  #ruleOf(right: AccessRight, actor: Actor): AccessRule {
    const { config, databases } = this.#o;
    const rule = 'group' in right ? config.groups.get(right.group) : config.unmask.get(right.unmask);
    const place = 'database' in right ? right.database : undefined;
    const known =
      place === undefined || (databases.has(place) && (rule?.databases ?? [place]).includes(place));
    if (rule === undefined || !known) {
      throw new SluiceError('not_found', `${rightName(right)} cannot be asked for`, {
        hint: 'What can be is named under access in the configuration.',
      });
    }
    const mayAsk = rule.requesters?.some((group) => actor.principal.groups.includes(group)) ?? true;
    if (mayAsk) return rule;
    throw new SluiceError(
      'forbidden',
      `${rightName(right)} is lent to members of ${rule.requesters?.join(' or ')}`,
    );
  }
}

/** As people read it. */
export function wishText({ right, forMs }: AccessWish): string {
  const what =
    'group' in right
      ? `membership of group ${right.group}`
      : `sight of ${right.unmask} in database ${right.database}`;
  return `${what} for ${formatDuration(forMs)}`;
}
