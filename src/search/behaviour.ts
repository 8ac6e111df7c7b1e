/**
 * Learns from the log what each principal usually does, and finds what is out of the ordinary: rules that anyone can follow, the same findings for
 * the same log. Reads only what the index has already: sessions and forms are looked up there.
 *
 * Nothing is found of a principal that is still being learned.
 */
import { LRUCache } from 'lru-cache';
import { type RawEntry, readMembers } from '../ledger/entry-decoder.ts';
import type { LogPiece } from '../ledger/log-follower.ts';
import type { TileSource } from '../ledger/tile-store.ts';
import type { FindingRule, StatementForm } from '../model/ledger-entry.ts';
import { type Feature, featuresOf } from './behaviour-features.ts';
import { outcomeRows } from './drafts.ts';
import type { SessionOpened } from './entry-terms.ts';
import { excessFinding, type Finding, firstTimeFinding } from './finding.ts';
import type { IndexWriter } from './index-storage.ts';
import { tipOf } from './indexer.ts';
import type { Counts, ProfileStore } from './profile-store.ts';

export interface BehaviourConfig {
  /** How long a principal is only learned. */
  readonly learnMs: number;
  /** How far back is the ordinary: what was last done earlier is done for the first time again. */
  readonly windowMs: number;
  /** How long a finding is a deviation to policies. */
  readonly rememberMs: number;
}

/** A finding that policies see, until then (milliseconds since the epoch). */
export interface Deviation {
  readonly principal: string;
  readonly rule: FindingRule;
  readonly until: number;
}

interface Who {
  readonly principal: string;
  readonly database: string;
  readonly session: string;
}

interface KnownForm {
  readonly features: readonly Feature[];
  readonly refused: boolean;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** A principal with fewer statements has no ways yet. */
const MIN_STATEMENTS = 20;
/** So much more than the most before is out of the ordinary, if it is worth a word at all. */
const FACTOR = 3;
const EXCESSES = [
  { rule: 'rows', count: 'rows', least: 1000, what: (n: number) => `got or changed ${n} rows` },
  { rule: 'refusals', count: 'refused', least: 10, what: (n: number) => `was refused ${n} times` },
  {
    rule: 'shapes',
    count: 'shapes',
    least: 30,
    what: (n: number) => `asked ${n} kinds of statements that were new`,
  },
] as const;
/** What is found of the past, when all is learned anew, is no news. */
const NEWS_MS = DAY;

export class Behaviour {
  readonly #store: ProfileStore;
  readonly #index: IndexWriter;
  readonly #source: TileSource;
  readonly #config: BehaviourConfig;
  readonly #sessions = new LRUCache<string, Who>({ max: 20_000 });
  readonly #forms = new LRUCache<string, KnownForm>({ max: 10_000 });
  /** Principal, form and hour of which all is noted. */
  readonly #noted = new LRUCache<string, true>({ max: 50_000 });
  #forgotAt = 0;

  constructor(store: ProfileStore, index: IndexWriter, source: TileSource, config: BehaviourConfig) {
    this.#store = store;
    this.#index = index;
    this.#source = source;
    this.#config = config;
  }

  /** Takes a piece, which must begin where `store.place()` is and end where the index does, or before. */
  async add({ entries, next }: LogPiece<RawEntry>): Promise<void> {
    const read: { readonly seq: number; readonly members: Record<string, unknown> }[] = [];
    for (const raw of entries) read.push({ seq: raw.seq, members: await readMembers(raw, this.#source) });
    await this.#lookUp(read.map(({ members }) => members));
    const last = entries.at(-1);
    const place = { next, tip: last === undefined ? this.#store.place().tip : tipOf(last) };
    this.#store.together(place, () => {
      const hours = new Hours(this.#store, (who, hour) => this.#limits(who, hour));
      for (const { seq, members } of read) this.#take(seq, members, hours);
      hours.flush();
    });
  }

  /** Findings that the ledger does not have yet. Ask once all of the log is read. */
  unrecorded(now: number): readonly Finding[] {
    return this.#store.findings(false, now - NEWS_MS).map(({ event }) => event);
  }

  /** What the ledger has found of principals lately. */
  deviations(now: number): readonly Deviation[] {
    const { rememberMs } = this.#config;
    return this.#store
      .findings(true, now - rememberMs)
      .map(({ event: { principal, rule }, at }) => ({ principal, rule, until: at + rememberMs }));
  }

  #take(seq: number, members: Record<string, unknown>, hours: Hours): void {
    const { kind, session } = members;
    const at = members.at as number;
    if (kind === 'finding') this.#store.recorded(members as unknown as Finding, at);
    const who = typeof session === 'string' ? this.#sessions.get(session) : undefined;
    if (who === undefined || (kind !== 'statement' && kind !== 'outcome')) return;
    const hour = hours.of(who, at);
    const place = { who, seq, at };
    if (kind === 'outcome') {
      this.#count(hour, 'rows', outcomeRows(members), place);
      return;
    }
    this.#forget(at);
    const form = this.#forms.get(members.of as string);
    hour.counts.statements++;
    if (form?.refused) this.#count(hour, 'refused', 1, place);
    const key = `${who.principal}\n${members.of}\n${hour.hour}`;
    if (this.#noted.has(key)) return;
    this.#noted.set(key, true);
    if (this.#note(place, String(members.of), form?.features ?? [], hours))
      this.#count(hour, 'shapes', 1, place);
  }

  /** Notes all that a form does at that time. @returns whether the form itself is new for the principal */
  #note(place: PlaceOf, of: string, features: readonly Feature[], hours: Hours): boolean {
    const { who, seq, at } = place;
    const { principal } = who;
    const known = this.#store.seen(principal, 'anything')?.first ?? at;
    const found = (feature: Feature, last: number | undefined) => {
      hours.flush();
      if (at - known < this.#config.learnMs || !this.#hasWays(principal, at)) return;
      const first = { ...who, ...feature, at, known, seq, ...(last === undefined ? {} : { last }) };
      this.#store.keepFinding(firstTimeFinding(first), at);
    };
    for (const feature of features) {
      const seen = this.#see(principal, feature.what, at);
      if (seen.isNew) found(feature, seen.last);
    }
    this.#see(principal, 'anything', at);
    const hour = new Date(at).getUTCHours();
    const near = [hour - 1, hour + 1].map((one) => this.#store.seen(principal, hourWhat((one + 24) % 24)));
    const seen = this.#see(principal, hourWhat(hour), at);
    const isStrange =
      seen.isNew && !near.some((one) => one !== undefined && at - one.last <= this.#config.windowMs);
    if (isStrange) found({ rule: 'hours', what: `was active between ${hourText(hour)}` }, seen.last);
    return this.#see(principal, `shape ${of}`, at).isNew;
  }

  #hasWays(principal: string, at: number): boolean {
    return this.#store.most(principal, at - this.#config.windowMs, at + 1).statements >= MIN_STATEMENTS;
  }

  /** Notes that it was done; new if it never was, or not within the window. */
  #see(
    principal: string,
    what: string,
    at: number,
  ): { readonly isNew: boolean; readonly last: number | undefined } {
    const seen = this.#store.seen(principal, what);
    this.#store.note(principal, what, { first: seen?.first ?? at, last: Math.max(at, seen?.last ?? 0) });
    return { isNew: seen === undefined || at - seen.last > this.#config.windowMs, last: seen?.last };
  }

  /** Adds to what an hour has; found the moment that it is too much. */
  #count({ hour, counts, limits }: HourOf, count: keyof Counts, more: number, { who, seq }: PlaceOf): void {
    const before = counts[count];
    counts[count] += more;
    const value = counts[count];
    for (const { rule, count: limited, what, limit, usual, since } of limits) {
      if (limited !== count || before >= limit || value < limit) continue;
      const excess = { ...who, rule, hour, seq, value, what: what(value), usual, since };
      this.#store.keepFinding(excessFinding(excess), hour);
    }
  }

  /** What is too much within an hour; nothing for a principal that is still learned. */
  #limits({ principal }: Who, hour: number): readonly Limit[] {
    const { learnMs, windowMs } = this.#config;
    const known = this.#store.seen(principal, 'anything')?.first ?? hour;
    const usual = this.#store.most(principal, hour - windowMs, hour);
    if (hour + HOUR - known < learnMs || usual.statements < MIN_STATEMENTS) return [];
    return EXCESSES.map(({ rule, count, least, what }) => ({
      ...{ rule, count, what, limit: Math.max(least, FACTOR * usual[count]), usual: usual[count] },
      since: Math.max(known, hour - windowMs),
    }));
  }

  #forget(at: number): void {
    if (at - this.#forgotAt < DAY) return;
    this.#forgotAt = at;
    this.#store.forget(at - 2 * this.#config.windowMs);
  }

  /** Sessions and forms that are not at hand come from the index, which has them. */
  async #lookUp(all: readonly Record<string, unknown>[]): Promise<void> {
    const sessions = missing(
      all.map(({ session }) => session),
      this.#sessions,
    );
    const forms = missing(
      all.map(({ of }) => of),
      this.#forms,
    );
    const known = await this.#index.known({ terms: [], sessions, forms });
    const openedById = await this.#index.sessions(known.sessions.filter((id) => id !== undefined));
    for (const { session, opened } of openedById.values()) {
      if (opened === '') continue;
      const { principal, database } = JSON.parse(opened) as SessionOpened;
      this.#sessions.set(session, { principal, database, session });
    }
    for (const { hash, json } of (
      await this.#index.forms(known.forms.flatMap((one) => one?.id ?? []))
    ).values()) {
      const form = json === '' ? undefined : (JSON.parse(json) as StatementForm);
      this.#forms.set(hash, {
        features: form === undefined ? [] : featuresOf(form),
        refused: form?.decision === 'deny',
      });
    }
  }
}

/** Who did something, when, and the entry that says so. */
interface PlaceOf {
  readonly who: Who;
  readonly seq: number;
  readonly at: number;
}

interface Limit {
  readonly rule: FindingRule;
  readonly count: keyof Counts;
  readonly what: (value: number) => string;
  readonly limit: number;
  /** The most within one hour before, and since when that was looked at. */
  readonly usual: number;
  readonly since: number;
}

interface HourOf {
  /** Its first millisecond. */
  readonly hour: number;
  readonly counts: Counts;
  readonly limits: readonly Limit[];
}

/** The hours that a piece adds to. */
class Hours {
  readonly #store: ProfileStore;
  readonly #limits: (who: Who, hour: number) => readonly Limit[];
  readonly #hours = new Map<string, HourOf & { readonly principal: string }>();

  constructor(store: ProfileStore, limits: (who: Who, hour: number) => readonly Limit[]) {
    this.#store = store;
    this.#limits = limits;
  }

  of(who: Who, at: number): HourOf {
    const { principal } = who;
    const hour = Math.floor(at / HOUR) * HOUR;
    const key = `${principal}\n${hour}`;
    const known = this.#hours.get(key);
    if (known !== undefined) return known;
    this.flush();
    const made = {
      principal,
      hour,
      counts: this.#store.counts(principal, hour),
      limits: this.#limits(who, hour),
    };
    this.#hours.set(key, made);
    return made;
  }

  /** Brings what was counted to the store, where it is asked for. */
  flush(): void {
    for (const { principal, hour, counts } of this.#hours.values())
      this.#store.noteCounts(principal, hour, counts);
  }
}

function missing(keys: readonly unknown[], known: { has(key: string): boolean }): string[] {
  return [...new Set(keys.filter((key) => typeof key === 'string' && !known.has(key)))] as string[];
}

const hourWhat = (hour: number): string => `hour ${hour}`;

function hourText(hour: number): string {
  const clock = (one: number) => `${String(one % 24).padStart(2, '0')}:00`;
  return `${clock(hour)} and ${clock(hour + 1)} UTC`;
}
