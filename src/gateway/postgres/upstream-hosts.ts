/**
 * Which servers of a database to try, in what order, and which will do: several hosts, several addresses of each name, and what their
 * sessions can do, as libpq's `host`, `load_balance_hosts` and `target_session_attrs` (PostgreSQL's manual, 34.1.1 and 34.1.2).
 */
import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { TargetSessionAttrs, UpstreamHost } from '../../config/config.ts';
import { codeOf, type UpstreamAddress, unavailable } from './upstream-socket.ts';

/** A name may stand for many addresses; nobody waits for more than these. */
const MAX_ADDRESSES = 8;
/** After this, a name stands for what it stood for when it was last looked up. */
const PATIENCE_MS = 1_000;

/** The order in which to try them, anew for each session. */
export function orderHosts(
  hosts: readonly UpstreamHost[],
  balance: 'disable' | 'random',
  random: (limit: number) => number = (limit) => randomInt(limit),
): readonly UpstreamHost[] {
  if (balance === 'disable' || hosts.length === 1) return hosts;
  return shuffled(hosts, random);
}

function shuffled<T>(items: readonly T[], random: (limit: number) => number): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i -= 1) {
    const j = random(i + 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}

/**
 * Finds addresses. A name is looked up once at a time, however many sessions wait for it: the system's resolver takes a thread for
 * as long as the name server is silent, and the process has few.
 */
export class AddressBook {
  readonly #lookup: (host: string) => Promise<readonly string[]>;
  readonly #patienceMs: number;
  readonly #pending = new Map<string, Promise<readonly string[]>>();
  /** Names of the configuration only, so it needs no bound. */
  readonly #last = new Map<string, readonly string[]>();

  constructor(lookupAll = systemLookup, patienceMs = PATIENCE_MS) {
    this.#lookup = lookupAll;
    this.#patienceMs = patienceMs;
  }

  /** @throws {SluiceError} upstream_unavailable if the name has no address */
  async addressesOf({ host, port }: UpstreamHost): Promise<readonly UpstreamAddress[]> {
    if (host.startsWith('/')) return [{ host, port }];
    if (isIP(host) !== 0) return [{ host, ip: host, port }];
    const found = await this.#find(host);
    return found.slice(0, MAX_ADDRESSES).map((ip) => ({ host, ip, port }));
  }

  async #find(host: string): Promise<readonly string[]> {
    const current = this.#pending.get(host) ?? this.#begin(host);
    const last = this.#last.get(host);
    if (last === undefined) return current;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly string[]>((resolve) => {
      timer = setTimeout(() => resolve(last), this.#patienceMs);
    });
    try {
      return await Promise.race([current, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #begin(host: string): Promise<readonly string[]> {
    const found = this.#lookup(host)
      .then(
        (ips) => {
          this.#last.set(host, ips);
          return ips;
        },
        (thrown) => {
          throw unavailable(codeOf(thrown));
        },
      )
      .finally(() => this.#pending.delete(host));
    found.catch(() => {});
    this.#pending.set(host, found);
    return found;
  }
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
}

/** What to look for, one after the other, until a server is found. */
export function passesOf(wanted: TargetSessionAttrs): readonly TargetSessionAttrs[] {
  return wanted === 'prefer-standby' ? ['standby', 'any'] : [wanted];
}

/**
 * Why a server will not do, or undefined if it will. Servers since PostgreSQL 14 report what is needed.
 * @param asked settings of the session's own, which do not make a server another one
 */
export function mismatch(
  wanted: TargetSessionAttrs,
  reported: ReadonlyMap<string, string>,
  asked: ReadonlyMap<string, string>,
): string | undefined {
  if (wanted === 'any') return undefined;
  const standby = reported.get('in_hot_standby');
  const readOnly = reported.get('default_transaction_read_only');
  if (standby === undefined || readOnly === undefined)
    return 'a server does not tell whether it is a standby';
  const writes = standby === 'off' && (readOnly === 'off' || asksForReadOnly(asked));
  switch (wanted) {
    case 'read-write':
      return writes ? undefined : 'session is read-only';
    case 'read-only':
      return writes ? 'session is not read-only' : undefined;
    case 'primary':
      return standby === 'off' ? undefined : 'server is in hot standby mode';
    default:
      return standby === 'on' ? undefined : 'server is not in hot standby mode';
  }
}

function asksForReadOnly(asked: ReadonlyMap<string, string>): boolean {
  return [...asked].some(([name, value]) => `${name}=${value}`.includes('default_transaction_read_only'));
}
