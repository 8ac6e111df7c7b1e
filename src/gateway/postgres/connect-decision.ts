/** What is decided before a session begins: whether its principal may connect, and with which settings. */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { SessionInfo } from '../../model/session.ts';
import type { Plan } from '../../session/plan.ts';
import { refusalOf } from '../../session/plan-refusals.ts';
import type { Session } from '../../session/session.ts';
import type { DatabaseService } from './database-service.ts';
import type { GatewayContext } from './listener.ts';
import { settingText } from './startup-settings.ts';

/** Why this session may not be, if so. */
export function connectDenial(
  context: Pick<GatewayContext, 'policy' | 'now'>,
  service: Pick<DatabaseService, 'actorNow'>,
  info: SessionInfo,
): SluiceError | undefined {
  const { outcome, reason, hint } = context.policy().connect({
    actor: service.actorNow(info.actor),
    database: info.database,
    context: { now: new Date(context.now()), clientAddress: info.clientAddress, tls: info.tls },
  });
  if (outcome === 'allow') return undefined;
  return new SluiceError('connect_denied', reason, hint === undefined ? {} : { hint });
}

/** Settings given at start-up are decided like SET. Undefined if there are none. @throws {SluiceError} connect_denied */
export async function planSettings(
  service: DatabaseService,
  info: SessionInfo,
  settings: ReadonlyMap<string, string>,
): Promise<Plan | undefined> {
  if (settings.size === 0) return undefined;
  const plan = await service.planNameless(info.actor, settingText(settings));
  const denied = plan.statements.find(({ decision }) => decision.outcome !== 'allow');
  if (denied === undefined) return plan;
  const { message, detail, hint } = refusalOf(denied.decision, denied.facts);
  throw new SluiceError('connect_denied', message, {
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Those that change as whom or how statements run are recorded like the SET they stand for; the others are of no account. */
export async function recordSettings(session: Session, plan: Plan): Promise<void> {
  const matters = plan.statements.some(
    ({ facts }) => facts.opaque.length > 0 || facts.actions.includes('Administer'),
  );
  if (!matters) return;
  for (const ticket of await session.admit(plan, [])) session.finish(ticket, { tag: 'SET' });
}
