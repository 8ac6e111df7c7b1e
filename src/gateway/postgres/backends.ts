/**
 * Where sessions get their backends from: a new connection, or one that was made in advance for a session with the same start-up
 * parameters ("warm"). A warm backend has logged in and answered the gate's first question; it serves one session and ends with it, so
 * nothing of one client ever meets another.
 *
 * What is kept in advance is bounded in number and age, checked before it is given away, and follows demand: the second session with
 * the same parameters makes the gate expect a third.
 */
import { LRUCache } from 'lru-cache';
import type { Upstream as UpstreamConfig } from '../../config/config.ts';
import { cancelUpstream, connectUpstream, type UpstreamConnection } from './upstream.ts';
import { WarmBackend } from './warm-backend.ts';

/** Sets of start-up parameters that are remembered. */
const MAX_KINDS = 64;
/** What roles and databases are set to holds for new connections: none is kept for longer. */
const MAX_AGE_MS = 60_000;
/** Without a session of its kind for so long, none is expected. */
const FORGET_MS = 300_000;
const TEND_MS = 5_000;
/** Connections that are made in advance at once: the database has others to serve. */
const MAX_CONNECTING = 4;
/** What was given away is made anew when its session has had time to begin: both would share the processor. */
const REFILL_MS = 20;

/** Sessions with the same start-up parameters. */
interface Kind {
  readonly parameters: ReadonlyMap<string, string>;
  sessions: number;
  usedAt: number;
  /** The oldest first. */
  readonly ready: WarmBackend[];
  connecting: number;
}

export class Backends {
  readonly #config: UpstreamConfig;
  readonly #timeoutMs: number;
  readonly #schemas: () => ReadonlySet<string>;
  readonly #kinds: LRUCache<string, Kind>;
  readonly #timer: NodeJS.Timeout | undefined;
  #refilling: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * @param timeoutMs for each address of the database
   * @param schemas those of the catalog in force
   */
  constructor(config: UpstreamConfig, timeoutMs: number, schemas: () => ReadonlySet<string>) {
    this.#config = config;
    this.#schemas = schemas;
    this.#timeoutMs = timeoutMs;
    this.#kinds = new LRUCache({ max: MAX_KINDS, dispose: (kind) => discardAll(kind) });
    if (config.warmConnections === 0) return;
    this.#timer = setInterval(() => this.#tend(), TEND_MS);
    this.#timer.unref();
  }

  /**
   * A backend for one session, which owns it.
   * @param parameters of the start-up message, besides user and database
   * @throws {SluiceError} upstream_unavailable
   */
  async open(parameters: ReadonlyMap<string, string>): Promise<UpstreamConnection> {
    if (this.#config.warmConnections === 0) return this.#connect(parameters);
    const kind = this.#kindOf(parameters);
    kind.sessions += 1;
    kind.usedAt = performance.now();
    try {
      return (await takeReady(kind)) ?? (await this.#connect(parameters));
    } finally {
      this.#refillSoon();
    }
  }

  /** Cancels what the backend of a session runs. Never throws. */
  cancel(connection: Pick<UpstreamConnection, 'key' | 'address' | 'encrypted'>): Promise<void> {
    return cancelUpstream(this.#config, connection, this.#timeoutMs);
  }

  /** Ends what is kept in advance. Sessions keep theirs. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#refilling);
    this.#kinds.clear();
  }

  /** Backends that wait for a session. */
  get warm(): number {
    return this.#count(({ ready }) => ready.length);
  }

  #connect(parameters: ReadonlyMap<string, string>): Promise<UpstreamConnection> {
    return connectUpstream(this.#config, parameters, this.#timeoutMs);
  }

  #kindOf(parameters: ReadonlyMap<string, string>): Kind {
    const key = JSON.stringify([...parameters]);
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const kind: Kind = { parameters, sessions: 0, usedAt: 0, ready: [], connecting: 0 };
    this.#kinds.set(key, kind);
    return kind;
  }

  #count(of: (kind: Kind) => number): number {
    let sum = 0;
    for (const kind of this.#kinds.values()) sum += of(kind);
    return sum;
  }

  /** How many of one kind to keep: all kinds that are expected have the same share. */
  get #share(): number {
    return Math.max(
      1,
      Math.floor(this.#config.warmConnections / this.#count((kind) => (isExpected(kind) ? 1 : 0))),
    );
  }

  #refillSoon(): void {
    if (this.#closed || this.#refilling !== undefined) return;
    this.#refilling = setTimeout(() => {
      this.#refilling = undefined;
      for (const kind of this.#kinds.values()) this.#refill(kind);
    }, REFILL_MS);
    this.#refilling.unref();
  }

  #refill(kind: Kind): void {
    if (this.#closed || !isExpected(kind)) return;
    while (
      kind.ready.length + kind.connecting < this.#share &&
      this.#count(({ connecting }) => connecting) < MAX_CONNECTING &&
      this.#hasRoomFor(kind)
    )
      void this.#warmUp(kind);
  }

  /** Others that have more than their share give way, those least in demand first. */
  #hasRoomFor(kind: Kind): boolean {
    if (this.#count(({ ready, connecting }) => ready.length + connecting) < this.#config.warmConnections)
      return true;
    for (const other of this.#kinds.rvalues()) {
      if (other === undefined || other === kind || (isExpected(other) && other.ready.length <= this.#share))
        continue;
      const given = other.ready.shift();
      given?.discard();
      if (given !== undefined) return true;
    }
    return false;
  }

  async #warmUp(kind: Kind): Promise<void> {
    kind.connecting += 1;
    try {
      const backend = await this.#warmBackend(kind);
      if (this.#closed || !isExpected(kind)) backend?.discard();
      else if (backend !== undefined) kind.ready.push(backend);
      else return;
    } catch {
      // The next session tries for itself, and is told.
      return;
    } finally {
      kind.connecting -= 1;
    }
    this.#refill(kind);
  }

  /** Undefined if it does not answer. */
  async #warmBackend(kind: Kind): Promise<WarmBackend | undefined> {
    const connection = await this.#connect(kind.parameters);
    const backend = new WarmBackend(connection, this.#schemas, () => {
      const at = kind.ready.indexOf(backend);
      if (at >= 0) kind.ready.splice(at, 1);
    });
    return (await backend.check()) ? backend : undefined;
  }

  #tend(): void {
    for (const kind of this.#kinds.values()) {
      for (const backend of [...kind.ready]) {
        if (!isExpected(kind) || backend.ageMs > MAX_AGE_MS) backend.discard();
        else void backend.check();
      }
      this.#refill(kind);
    }
  }
}

function isExpected({ sessions, usedAt }: Kind): boolean {
  return sessions > 1 && performance.now() - usedAt < FORGET_MS;
}

/** Whoever waited in vain for one does not wait for another: what has swallowed one has swallowed them all. */
async function takeReady(kind: Kind): Promise<UpstreamConnection | undefined> {
  const backend = kind.ready.shift();
  if (backend === undefined) return undefined;
  const connection = await backend.take();
  if (connection === undefined) discardAll(kind);
  return connection;
}

function discardAll({ ready }: Kind): void {
  for (const backend of ready.splice(0)) backend.discard();
}
