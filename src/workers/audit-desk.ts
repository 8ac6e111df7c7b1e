/** Reading the record: who may, what is recorded of it, and where the index lies. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { AuditDesk, AuditReader, SearchAnswer, SearchQuery } from '../api/audit-routes.ts';
import { noSession } from '../api/session-routes.ts';
import type { Config } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Deviation } from '../search/behaviour.ts';
import { cursorText, parseCursor } from '../search/cursor.ts';
import { all, type Filter, fold } from '../search/filter/filter.ts';
import { parseFilter } from '../search/filter/parse-filter.ts';
import type { Finding } from '../search/finding.ts';
import type { IndexStatus } from '../search/index-loop.ts';
import type { SearchCalls } from '../search/search-calls.ts';
import { replaySession } from '../search/session-replay.ts';
import { type RunningIndex, startIndex } from '../search/start-index.ts';
import { confined, type Visibility } from '../search/visibility.ts';
import type { PolicyHolder } from '../session/policy-holder.ts';
import { indexPlace } from './index-config.ts';
import { ReaderSlots } from './reader-slots.ts';
import { storageConfig } from './sequencing.ts';

interface IndexDeps {
  readonly config: Pick<Config, 'dataDir' | 'ledger' | 'index' | 'behaviour'>;
  readonly ledger: Ledger;
  readonly log: Logger;
  readonly registry: Registry;
  /** Told what policies are to see from now on. */
  readonly onDeviations: (deviations: readonly Deviation[]) => void;
}

/** Starts the index of a gateway's ledger; what it finds out of the ordinary is recorded. */
export function openIndex({ config, ledger, log, registry, onDeviations }: IndexDeps): RunningIndex {
  const { tiles } = config.ledger;
  const findings = new Counter({
    name: 'sluice_findings_total',
    help: 'What was found out of the ordinary for a principal, by rule',
    labelNames: ['rule'],
    registers: [registry],
  });
  const index = startIndex(
    {
      ...{ directory: join(config.dataDir, 'ledger'), ...indexPlace(config) },
      ...(tiles === undefined ? {} : { tiles: storageConfig(tiles) }),
      behaviour: { ...config.behaviour, path: join(config.dataDir, 'index', 'behaviour.db') },
    },
    {
      onStatus: indexReports(log),
      onDeviations,
      onFindings: (found) => {
        for (const finding of found) {
          findings.inc({ rule: finding.rule });
          recordFinding(ledger, finding, log);
        }
      },
    },
  );
  measureIndex(registry, index);
  return index;
}

/** One that cannot be recorded is found again by the next start. */
function recordFinding(ledger: Ledger, finding: Finding, log: Logger): void {
  try {
    ledger.append(finding);
    log.warn(
      { rule: finding.rule, finding: finding.finding },
      'something is out of the ordinary for a principal',
    );
  } catch (err) {
    log.error({ err, finding: finding.finding }, 'a finding could not be recorded');
  }
}

interface AuditDeskDeps {
  readonly config: Pick<Config, 'databases'>;
  readonly ledger: Ledger;
  readonly policies: PolicyHolder;
  readonly index: RunningIndex;
  readonly now: () => number;
}

export function createAuditDesk(deps: AuditDeskDeps): AuditDesk {
  const { ledger } = deps;
  const record = (reader: AuditReader, query: string) =>
    ledger.durable(ledger.append({ kind: 'audit-read', by: nameOf(reader), query }));
  const slots = new ReaderSlots(MAX_OF_READER);
  const search = async (reader: AuditReader, query: SearchQuery): Promise<SearchAnswer> => {
    const index = indexFor(reader, deps.index);
    const now = deps.now();
    const cursor = query.cursor === undefined ? undefined : parseCursor(query.cursor);
    const asked = parseFilter(query.q, cursor?.now ?? now);
    await record(reader, `search ${query.q}`.trim());
    const filter = confined(asked, visibilityOf(reader, deps));
    const behindCursor = cursor === undefined ? filter : all([filter, beyond(cursor.seq, query)]);
    const { hits, more, behind } = await index.search({
      ...{ filter: behindCursor, order: query.order, limit: query.limit },
    });
    const last = hits.at(-1);
    const next =
      more && last !== undefined ? { cursor: cursorText({ seq: last.seq, now: cursor?.now ?? now }) } : {};
    const count = query.count ? { count: (await index.count(filter)).count } : {};
    return { hits, ...next, ...count, behind };
  };
  return {
    search: async (reader, query) => {
      const release = slots.take(nameOf(reader));
      return search(reader, query).finally(release);
    },
    replay: async (reader, { session, after, follow }, signal) => {
      // Whether it ends or the reader goes: its signal tells.
      signal.addEventListener('abort', slots.take(nameOf(reader)), { once: true });
      await record(reader, `sessions show ${session}`);
      const index = indexFor(reader, deps.index);
      const visibility = visibilityOf(reader, deps);
      const confine = (filter: Filter) => confined(filter, visibility);
      await requireSession(index, confine, session);
      return replaySession(index, {
        ...{ session, confine, signal, followMs: follow ? FOLLOW_MS : 0 },
        ...(after === undefined ? {} : { after }),
      });
    },
    indexStatus: () => deps.index.status(),
    rebuildIndex: () => deps.index.rebuild(),
  };
}

/** Searches and replays of one reader at once. */
const MAX_OF_READER = 8;
/** How long one request follows a session: a token that was revoked meanwhile opens nothing more. */
const FOLLOW_MS = 25_000;

/** Only administrators learn where the index is, and what its database says. */
function indexFor(reader: AuditReader, index: RunningIndex): SearchCalls {
  if ('administrator' in reader) return index;
  return {
    search: (call) => index.search(call).catch(withoutParticulars),
    count: (filter) => index.count(filter).catch(withoutParticulars),
  };
}

function withoutParticulars(cause: unknown): never {
  if (!(cause instanceof SluiceError) || cause.code !== 'store_unavailable') throw cause;
  throw new SluiceError(cause.code, cause.message, { cause });
}

/** To those who may not see it, a session does not exist. */
async function requireSession(
  index: SearchCalls,
  confine: (filter: Filter) => Filter,
  session: string,
): Promise<void> {
  const filter = confine({ op: 'term', field: 'session', value: fold(session), pattern: false });
  const { hits } = await index.search({ filter, order: 'oldest', limit: 1 });
  if (hits.length === 0) throw noSession(session);
}

function beyond(seq: number, { order }: SearchQuery): Filter {
  const [from, to] = order === 'newest' ? [0, seq - 1] : [seq + 1, Number.MAX_SAFE_INTEGER];
  return { op: 'number', field: 'seq', from, to };
}

function nameOf(reader: AuditReader): string {
  if ('administrator' in reader) return reader.administrator;
  const { principal, onBehalfOf } = reader.actor;
  return [principal, ...onBehalfOf].map(({ id }) => id).join(' for ');
}

/** Whoever may read the audit of every database may also read what belongs to none. */
function visibilityOf(reader: AuditReader, { config, policies, now }: AuditDeskDeps): Visibility {
  if ('administrator' in reader) return 'everything';
  const { actor } = reader;
  const context = { now: new Date(now()) };
  const databases = [...config.databases]
    .filter(([, database]) => policies.current().readsAudit(actor, database, context))
    .map(([name]) => name);
  return databases.length > 0 && databases.length === config.databases.size
    ? 'everything'
    : { actor, databases };
}

function indexReports(log: Logger): (status: IndexStatus) => void {
  let [failure, rebuilt]: (string | undefined)[] = [];
  return (status) => {
    if (status.rebuilt !== rebuilt) log.info({ because: status.rebuilt }, 'the index is made anew');
    if (status.failure !== failure) {
      if (status.failure === undefined) log.info('the index goes on');
      else log.warn({ cause: status.failure }, 'the index does not go on: searches miss what is new');
    }
    [failure, rebuilt] = [status.failure, status.rebuilt];
  };
}

function measureIndex(registry: Registry, index: RunningIndex): void {
  const gauge = (name: string, help: string, read: (status: IndexStatus) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(index.status()));
      },
    });
  gauge('sluice_index_entries', 'Entries of the ledger that the index has', ({ indexed }) => indexed);
  gauge(
    'sluice_index_lag_entries',
    'Published entries that the index does not have yet',
    ({ entries, indexed }) => Math.max(0, entries - indexed),
  );
  gauge('sluice_index_healthy', '1 if the index goes on', ({ failure }) => (failure === undefined ? 1 : 0));
}
