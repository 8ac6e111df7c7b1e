/**
 * Labels that go with what one session stores: told to its database before the statement runs, so that there is no moment at which somebody
 * else could read the copy unmasked. What the session's temporary tables hold, and what it has made and not committed, is known here
 * alone.
 */
import type { ValueOrigin } from '../../model/facts.ts';
import type { Label, LabelSet } from '../../model/labels.ts';
import type { InheritedLabel } from '../../session/inherited-labels.ts';
import type { Plan } from '../../session/plan.ts';
import type { DatabaseService } from './database-service.ts';

/** More columns of a session's own are no honest use; beyond that, what they hold is not followed any further. */
const MAX_OWN = 10_000;

type Service = Pick<DatabaseService, 'inherit' | 'settleNames' | 'labels'>;

/** A column of the session's own, and what it holds. */
interface OwnColumn {
  readonly relation: string;
  readonly column: string;
  readonly temporary: boolean;
  readonly labels: Set<Label>;
}

/** Plans that brought nothing new under these labels. */
const KNOWN = new WeakMap<Plan, LabelSet>();

export class SessionLabels {
  readonly #service: Service;
  #own = new Map<string, OwnColumn>();
  /** Keys of what was noted under a name, for what this transaction makes. */
  #named: string[] = [];

  constructor(service: Service) {
    this.#service = service;
  }

  /**
   * Notes what a plan brings where; undefined if everybody knows, which is the rule.
   * @throws {SluiceError} if it cannot be kept: then the plan must not run
   */
  bring(plan: Plan): Promise<void> | undefined {
    if (!plan.bringsLabels) return undefined;
    const { labels } = this.#service;
    if (this.#own.size === 0 && KNOWN.get(plan) === labels) return undefined;
    const permanent: InheritedLabel[] = [];
    for (const { inherits = [] } of plan.statements)
      for (const one of inherits.flatMap((each) => this.#labelled(each))) {
        if (one.temporary || one.isNew) this.#note(one);
        if (!one.temporary) permanent.push(one);
      }
    const told = permanent.length === 0 ? undefined : this.#service.inherit(permanent);
    if (told === undefined && this.#own.size === 0) KNOWN.set(plan, labels);
    return told?.then((named) => void this.#named.push(...named));
  }

  /** The transaction has ended, and the database has said so. */
  transactionEnded(): void {
    if (this.#named.length === 0) return;
    void this.#service.settleNames(this.#named);
    this.#named = [];
    this.#own = new Map([...this.#own].filter(([, { temporary }]) => temporary));
  }

  #labelled(inherited: InheritedLabel): readonly InheritedLabel[] {
    if (inherited.label !== undefined) return [inherited];
    const labels = new Set<Label>();
    for (const own of this.#own.values())
      if (isMeant(inherited.from, own)) for (const label of own.labels) labels.add(label);
    return [...labels].map((label) => ({ ...inherited, label, computed: true }));
  }

  #note({ relation, column = '', label, temporary }: InheritedLabel): void {
    const key = JSON.stringify([nameOf(relation, temporary), column]);
    const known = this.#own.get(key) ?? { relation, column, temporary, labels: new Set() };
    if (label === undefined || (known.labels.size === 0 && this.#own.size >= MAX_OWN)) return;
    known.labels.add(label);
    this.#own.set(key, known);
  }
}

/** An empty column may be any. A relation that was not found is what has that name. */
function isMeant({ relation, column }: ValueOrigin, own: OwnColumn): boolean {
  const sameColumn = column === '' || own.column === '' || own.column === column;
  const name = nameOf(own.relation, own.temporary);
  const sameRelation =
    relation === own.relation || bareName(relation) === name || bareName(name) === relation;
  return sameColumn && sameRelation;
}

/** Temporary relations are in one schema, under whatever name. */
const nameOf = (relation: string, temporary: boolean): string => (temporary ? bareName(relation) : relation);

const bareName = (relation: string): string => relation.slice(relation.indexOf('.') + 1);
