/** What was changed of the gate itself, by whom: policies, configuration, credentials; failed log-ins; and who read the record. */
import type { LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import { BoundedList } from './bounded-list.ts';
import type { ChangeRow, Evidence, Figure, Listed } from './evidence.ts';
import { type FilterScope, filterOf, periodFilter } from './filter-text.ts';
import type { ReportPart } from './walk.ts';

const MAX_ROWS = 300;
const MAX_TEXT_LENGTH = 300;
const MAX_NAMES = 20;

type Topic = 'changes' | 'credentials' | 'logins' | 'auditAccess';

/** The kinds of entries of each topic. */
const KINDS: Readonly<Record<Topic, readonly LedgerEvent['kind'][]>> = {
  changes: ['policy-loaded', 'policy-rejected', 'config-loaded', 'config-rejected', 'label'],
  credentials: ['token-issued', 'token-revoked', 'grant'],
  logins: ['authentication-failed'],
  auditAccess: [
    ...(['audit-read', 'keys-destroyed', 'entries-pruned', 'hold-placed', 'hold-released'] as const),
    ...(['session-killed', 'taint-cleared'] as const),
  ],
};

const TOPICS = new Map(
  Object.entries(KINDS).flatMap(([topic, kinds]) => kinds.map((kind) => [kind, topic as Topic] as const)),
);

export class AdministrationPart implements ReportPart {
  readonly #lists: Readonly<Record<Topic, BoundedList<ChangeRow>>> = {
    changes: new BoundedList(MAX_ROWS),
    credentials: new BoundedList(MAX_ROWS),
    logins: new BoundedList(MAX_ROWS),
    auditAccess: new BoundedList(MAX_ROWS),
  };

  entry({ seq, at, event }: LedgerEntry): void {
    const topic = TOPICS.get(event.kind);
    if (topic === undefined) return;
    const { by, what } = describe(event);
    const text =
      what.length <= MAX_TEXT_LENGTH ? what : `${what.slice(0, MAX_TEXT_LENGTH - 1).toWellFormed()}…`;
    this.#lists[topic].add({ seq, at, kind: event.kind, by, what: text });
  }

  figures(scope: FilterScope): Figure[] {
    return [
      this.#figure('policy and configuration changes', 'changes', scope),
      this.#figure('failed log-ins', 'logins', scope),
    ];
  }

  result(scope: FilterScope): Pick<Evidence, Topic> {
    const list = (topic: Topic): Listed<ChangeRow> => this.#lists[topic].list(filterOfTopic(scope, topic));
    return {
      changes: list('changes'),
      credentials: list('credentials'),
      logins: list('logins'),
      auditAccess: list('auditAccess'),
    };
  }

  #figure(label: string, topic: Topic, scope: FilterScope): Figure {
    const filter = filterOfTopic(scope, topic);
    return { label, value: this.#lists[topic].total, ...(filter === undefined ? {} : { filter }) };
  }
}

/** Some of these belong to a database and some to none: with a database in the scope, no one filter says the same. */
function filterOfTopic(scope: FilterScope, topic: Topic): string | undefined {
  const kinds = `kind:${KINDS[topic].join(',')}`;
  if (topic === 'logins') return filterOf(scope, kinds);
  return scope.database === undefined ? periodFilter(scope, kinds) : undefined;
}

interface Description {
  readonly by: string;
  readonly what: string;
}

function describe(event: LedgerEvent): Description {
  switch (event.kind) {
    case 'policy-loaded':
      return {
        by: authorOf(event),
        what: `version ${event.version}${changed(event.changes?.map(({ id }) => id))}`,
      };
    case 'policy-rejected':
    case 'config-rejected':
      return { by: authorOf(event), what: event.error };
    case 'config-loaded':
      return {
        by: authorOf(event),
        what: `version ${event.version}${changed(event.changes.map(({ path }) => path))}`,
      };
    case 'token-issued':
      return {
        by: 'an administrator',
        what: `for ${[event.principal, ...event.onBehalfOf].join(' for ')} until ${new Date(event.expiresAt).toISOString()}${event.purpose === undefined ? '' : `: ${event.purpose}`}`,
      };
    case 'token-revoked':
      return { by: 'an administrator', what: event.token };
    case 'grant':
      return {
        by: event.by ?? event.principal ?? '',
        what: [event.grant, event.step, event.right ?? '', event.reason ?? '']
          .filter((text) => text !== '')
          .join(' '),
      };
    case 'authentication-failed':
      return {
        by: event.user === '' ? '(nobody named)' : event.user,
        what: `${event.code} from ${event.client}${event.database === '' ? '' : ` to ${event.database}`}${event.attempts === undefined ? '' : `, ${event.attempts} times`}`,
      };
    case 'audit-read':
      return { by: event.by, what: event.query };
    case 'keys-destroyed':
      return {
        by: event.by,
        what: `${event.keys.length} keys of ${event.database}: ${event.reason ?? 'no reason given'}`,
      };
    case 'entries-pruned':
      return { by: event.by, what: `${event.entries} entries that were kept long enough` };
    case 'hold-placed':
    case 'hold-released':
      return { by: event.by, what: `${event.hold}: ${event.reason}` };
    case 'label':
      return {
        by: event.by ?? 'the gate',
        what: `${event.step} on ${event.database}: ${event.columns.slice(0, MAX_NAMES).join(', ')}${event.reason === undefined ? '' : ` (${event.reason})`}`,
      };
    case 'taint-cleared':
      return {
        by: 'an administrator',
        what: `session ${event.session}${event.elsewhere ? ', with another' : ''}${event.reason === undefined ? '' : `: ${event.reason}`}`,
      };
    case 'session-killed':
      return {
        by: event.by ?? 'an administrator',
        what: `session ${event.session}${event.reason === undefined ? '' : `: ${event.reason}`}`,
      };
    default:
      return { by: '', what: event.kind };
  }
}

function authorOf({ by, door }: { readonly by?: string; readonly door?: string }): string {
  return by ?? door ?? 'the gate';
}

function changed(names: readonly string[] | undefined): string {
  if (names === undefined || names.length === 0) return '';
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `: ${names.slice(0, MAX_NAMES).join(', ')}${more}`;
}
