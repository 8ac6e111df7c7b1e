/**
 * Plans by text, for one class of sessions: same actor, database, scope, policies, labels and catalog. Whatever a plan depends
 * on is in the bucket's key or in its generation; a bucket of an older generation is dropped whole, so no entry outlives
 * what it was derived from.
 */
import { LRUCache } from 'lru-cache';
import type { Shape } from '../model/dialect.ts';
import { applySplices, transferSplices } from '../sql/splice.ts';
import type { Plan } from './plan.ts';

/** Texts longer than this are planned each time: caching them would let one client fill the memory. */
const MAX_CACHED_TEXT_LENGTH = 32_768;

/** Characters that the texts of one class of sessions may hold, of either kind; a plan takes some bytes for each. */
const MAX_BUCKET_CHARACTERS = 1_000_000;
/** The same for all classes together. */
const MAX_CACHED_CHARACTERS = 32_000_000;

/** A plan whose literals may be exchanged, with the places where they stood. */
interface ShapedPlan {
  readonly plan: Plan;
  readonly shape: Shape;
  /** Those that may not be. */
  readonly fixed: readonly number[];
}

/** Of one shape, for different values of the literals that count: beyond that they are rarely the same again. */
const MAX_VARIANTS = 8;

/** The plans of one class of sessions. */
export class PlanBucket {
  readonly generation: string;
  /** Made when first needed: with each change of the catalog there is a new bucket. */
  #byText: LRUCache<string, Plan> | undefined;
  #byShape: LRUCache<string, readonly ShapedPlan[]> | undefined;

  constructor(generation: string) {
    this.generation = generation;
  }

  /** In characters. */
  get size(): number {
    return (this.#byText?.calculatedSize ?? 0) + (this.#byShape?.calculatedSize ?? 0);
  }

  byText(text: string): Plan | undefined {
    return this.#byText?.get(text);
  }

  byShape(text: string, shape: Shape): Plan | undefined {
    for (const known of this.#byShape?.get(shape.key) ?? []) {
      if (hasFixed(known, text, shape)) return exchangeLiterals(known, text, shape);
    }
    return undefined;
  }

  addText(text: string, plan: Plan): void {
    if (text.length > MAX_CACHED_TEXT_LENGTH) return;
    this.#byText ??= new LRUCache({ max: 2_000, maxSize: MAX_BUCKET_CHARACTERS, sizeCalculation: sizeOf });
    this.#byText.set(text, plan);
  }

  /** @param fixed the literals whose values the plan depends on */
  addShape(shape: Shape, plan: Plan, fixed: readonly number[] = []): void {
    this.#byShape ??= new LRUCache({
      max: 2_000,
      maxSize: MAX_BUCKET_CHARACTERS,
      sizeCalculation: (variants, key) => variants.reduce((sum, { plan }) => sum + sizeOf(plan, key), 0),
    });
    const others = this.#byShape.peek(shape.key) ?? [];
    this.#byShape.set(shape.key, [{ plan, shape, fixed }, ...others].slice(0, MAX_VARIANTS));
  }
}

/** At most this many classes of sessions are remembered a database; the least recently used goes first. */
export class PlanCache {
  readonly #buckets = new LRUCache<string, PlanBucket>({ max: 500 });

  /** The bucket of a class, empty if its generation has passed. */
  bucket(key: string, generation: string): PlanBucket {
    const known = this.#buckets.get(key);
    if (known !== undefined && known.generation === generation) return known;
    const fresh = new PlanBucket(generation);
    this.#buckets.set(key, fresh);
    this.#makeRoom();
    return fresh;
  }

  #makeRoom(): void {
    let size = 0;
    for (const bucket of this.#buckets.values()) size += bucket.size;
    while (size > MAX_CACHED_CHARACTERS && this.#buckets.size > 1) size -= this.#buckets.pop()?.size ?? 0;
  }
}

function sizeOf(plan: Plan, text: string): number {
  return 1 + text.length + plan.forwardText.length;
}

/** True if the literals that count are the same. */
function hasFixed({ plan, shape, fixed }: ShapedPlan, text: string, { literals }: Shape): boolean {
  return fixed.every((i) => {
    const [start, end] = [literals[2 * i], literals[2 * i + 1]];
    return text.slice(start, end) === plan.text.slice(shape.literals[2 * i], shape.literals[2 * i + 1]);
  });
}

/** The same plan for a text of the same shape: only the text and the offsets of splices differ. */
function exchangeLiterals({ plan, shape: from }: ShapedPlan, text: string, to: Shape): Plan | undefined {
  if (plan.splices.length === 0) return { ...plan, text, literals: to.literals, forwardText: text };
  const splices = transferSplices(plan.splices, from.literals, to.literals);
  return splices === undefined
    ? undefined
    : { ...plan, text, literals: to.literals, splices, forwardText: applySplices(text, splices) };
}
