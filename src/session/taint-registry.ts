/**
 * Who has met untrusted text. A session that has read such text may have been told what to do by whoever wrote it, and so may every
 * other session of the same reader, now and for some time: whoever reconnects is the same. One registry in each process that serves.
 *
 * A session that is tainted stays so until it ends, also when what it was tainted by has been forgotten.
 */
import type { Actor } from '../model/principal.ts';

/** Who has read what, until when it counts. */
export interface TaintNews {
  /** `readerOf` whom. */
  readonly reader: string;
  /** None: what was known of the reader is forgotten. */
  readonly taints: readonly string[];
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface TaintRegistryOptions {
  /** Whose sessions count together. */
  readonly per: 'principal' | 'token';
  /** How long a reader's next sessions are tainted; 0 for not at all, and then sessions are on their own. */
  readonly rememberMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Tells other processes, and whatever outlives this one. Resolves when they know. Must not reject. */
  readonly tell: (news: TaintNews) => Promise<void> | undefined;
}

/** Readings that are so close are told of once: what is remembered is remembered longer by as much. */
const SLACK = 1 / 20;

/** A session's place in the registry. */
export interface TaintSeat {
  /**
   * The session is about to read this. Other sessions of the reader in this process know at once; returns when those elsewhere do,
   * if they have to be told.
   */
  reads(taints: readonly string[]): Promise<void> | undefined;
  /** Forgets what the reader has read, here and elsewhere. Resolves when others know. */
  clear(): Promise<void> | undefined;
  leave(): void;
}

/** What a session does when its reader is tainted, or cleared, by another. Must not throw. */
export interface TaintListener {
  readonly onTainted: (taints: readonly string[]) => void;
  readonly onCleared: () => void;
}

interface Known {
  taints: readonly string[];
  until: number;
  /** When others were told last. */
  toldAt: number;
}

export class TaintRegistry {
  readonly #o: TaintRegistryOptions;
  readonly #known = new Map<string, Known>();
  /** Sessions that are open, by reader. */
  readonly #sessions = new Map<string, Set<TaintListener>>();

  constructor(options: TaintRegistryOptions) {
    this.#o = options;
  }

  /**
   * A session opens.
   * @param listener told at once if its reader is tainted already, and later when another session taints it
   */
  join(actor: Actor, listener: TaintListener): TaintSeat {
    const { rememberMs, per } = this.#o;
    if (rememberMs === 0) return { reads: () => undefined, clear: () => undefined, leave: () => {} };
    const reader = readerOf(actor, per);
    const sessions = this.#sessions.get(reader) ?? new Set();
    this.#sessions.set(reader, sessions.add(listener));
    const known = this.#current(reader);
    if (known !== undefined) listener.onTainted(known.taints);
    return {
      reads: (taints) => this.#read(reader, taints),
      clear: () => this.#clear(reader),
      leave: () => {
        sessions.delete(listener);
        if (sessions.size === 0 && this.#sessions.get(reader) === sessions) this.#sessions.delete(reader);
      },
    };
  }

  /** Another process has told this. */
  learn({ reader, taints, until }: TaintNews): void {
    const sessions = [...(this.#sessions.get(reader) ?? [])];
    if (taints.length === 0) {
      this.#known.delete(reader);
      for (const { onCleared } of sessions) onCleared();
      return;
    }
    const known = this.#current(reader);
    const all = [...new Set([...(known?.taints ?? []), ...taints])].sort();
    this.#known.set(reader, {
      taints: all,
      until: Math.max(until, known?.until ?? 0),
      toldAt: this.#o.now(),
    });
    for (const { onTainted } of sessions) onTainted(taints);
  }

  #read(reader: string, taints: readonly string[]): Promise<void> | undefined {
    const { rememberMs, now, tell } = this.#o;
    const known = this.#current(reader);
    const isNews = taints.some((one) => known?.taints.includes(one) !== true);
    if (!isNews && known !== undefined && now() - known.toldAt < rememberMs * SLACK) return undefined;
    const until = now() + Math.ceil(rememberMs * (1 + SLACK));
    this.learn({ reader, taints, until });
    return tell({ reader, taints: this.#known.get(reader)!.taints, until });
  }

  #clear(reader: string): Promise<void> | undefined {
    const news = { reader, taints: [], until: 0 };
    this.learn(news);
    return this.#o.tell(news);
  }

  #current(reader: string): Known | undefined {
    const known = this.#known.get(reader);
    if (known === undefined || known.until > this.#o.now()) return known;
    this.#known.delete(reader);
    return undefined;
  }
}

/** Whose sessions count together: those of the same principal that acts for the same people, or of the same token. */
function readerOf({ principal, onBehalfOf, tokenId }: Actor, per: 'principal' | 'token'): string {
  if (per === 'token' && tokenId !== undefined) return JSON.stringify(['token', tokenId]);
  return JSON.stringify(['principal', principal.id, ...onBehalfOf.map(({ id }) => id)]);
}
