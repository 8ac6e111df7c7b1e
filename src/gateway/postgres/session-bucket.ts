/** Where one session finds its plans: kept as long as it asks as the same, for the same names, and from the same standing. */

import type { Actor } from '../../model/principal.ts';
import type { Standing } from '../../model/standing.ts';
import type { PlanBucket } from '../../session/plan-cache.ts';
import type { Planner, PlanningClass } from '../../session/planner.ts';
import type { PostgresScope } from '../../sql/postgres/scope.ts';

interface Place {
  readonly asked: PlanningClass<PostgresScope>;
  readonly bucket: PlanBucket;
}

export class SessionBucket {
  readonly #planner: Planner<PostgresScope>;
  #place: Place | undefined;

  constructor(planner: Planner<PostgresScope>) {
    this.#planner = planner;
  }

  /** The class to plan for, and the plans that are known for it. */
  of(actor: Actor, scope: PostgresScope, standing: Standing): Place {
    const known = this.#place?.asked;
    const same = known?.scope === scope && known.standing === standing && known.actor === actor;
    const asked = same ? known : { actor, scope, standing };
    if (!same || this.#place?.bucket.generation !== this.#planner.generation(asked))
      this.#place = { asked, bucket: this.#planner.bucket(asked) };
    return this.#place as Place;
  }
}
