/** An entry of the ledger as one line for people: who did what, what was decided. */

import { printableLine } from '../html/visible-text.ts';
import type { ChangeAuthor, LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import { timeText } from './table.ts';

/** Number, time, kind, and what happened; cut to `width` characters if given. */
export function entryLine(entry: LedgerEntry, width?: number): string {
  const { seq, at, event } = entry;
  const head = `${String(seq).padStart(8)}  ${timeText(at)}  ${event.kind.padEnd(15)}`;
  return `${head}  ${printableLine(eventText(event), width === undefined ? undefined : Math.max(20, width - head.length - 2))}`;
}

/** What an entry says, in a line that is not yet safe to show. One that has not what its kind should have is shown as it is. */
export function eventText(event: LedgerEvent): string {
  try {
    return textOf(event);
  } catch {
    return JSON.stringify(event);
  }
}

function textOf(event: LedgerEvent): string {
  switch (event.kind) {
    case 'log-opened':
      return `by version ${event.version}`;
    case 'session-opened':
      return `${event.session} ${who(event)} to ${event.database} (${event.environment}) from ${event.client}${event.purpose === undefined ? '' : `: ${event.purpose}`}`;
    case 'session-closed':
      return `${event.session}${event.statements === undefined ? '' : ` after ${event.statements} statements`}: ${event.reason}`;
    case 'session-killed':
      return `${event.session} by ${event.by ?? 'an administrator'} over ${event.door}${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'budget-exceeded':
      return `${event.session}${event.statement === undefined ? '' : ` #${event.statement}`} ${event.budget}: ${event.limit} ${event.count} in ${event.windowMs / 1000} s`;
    case 'finding':
      return event.what;
    case 'session-tainted':
      return `${event.session} by ${event.by.join(', ')}${event.elsewhere ? ', in another session' : ''}`;
    case 'taint-cleared':
      return `${event.session}${event.elsewhere ? ', with another session' : ' by an administrator'}${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'authentication-failed':
      return `${event.door === undefined ? `${event.user} to ${event.database}` : `at ${event.door}`} from ${event.client}: ${event.code}${event.attempts === undefined ? '' : `, ${event.attempts} times`}`;
    case 'authenticated':
      return `${event.principal === undefined ? (event.by ?? 'an administrator') : [event.principal, ...(event.onBehalfOf ?? [])].join(' for ')} at ${event.door} from ${event.client}`;
    case 'statement':
      return `${event.session} #${event.statement} ${event.decision}${list(' by', event.policies)}: ${event.text}${list(' -- masking', event.masked)}`;
    case 'outcome':
      return `${event.session} #${event.statement} ${event.tag ?? `error ${event.sqlstate ?? 'unknown'}`} ${event.rows} rows, ${event.bytes} bytes, ${Math.round(event.durationUs / 100) / 10} ms`;
    case 'approval':
      return `${event.request} ${event.step}${event.by === undefined ? '' : ` by ${event.by}`}${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'policy-loaded':
      return `version ${event.version} from ${event.files.length} files${changed(event.changes)}${author(event)}`;
    case 'policy-rejected':
    case 'config-rejected':
      return `${event.error}${author(event)}`;
    case 'config-loaded':
      return `version ${event.version}${changed(event.changes)}${author(event)}${list(' -- after the next start:', event.pending)}`;
    case 'token-issued':
      return `${event.token} for ${who(event)} until ${timeText(event.expiresAt)}${event.purpose === undefined ? '' : `: ${event.purpose}`}`;
    case 'token-revoked':
      return event.token;
    case 'label':
      return `${event.step}${event.by === undefined ? '' : ` by ${event.by}`} in ${event.database}: ${event.columns.join(', ')}${list(' from', event.from)}${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'audit-read':
      return `by ${event.by}: ${event.query}`;
    case 'keys-destroyed':
      return `by ${event.by}: ${event.keys.length} keys of ${event.database}, ${event.months.join(', ')}, ${event.subjects.join(', ')}${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'entries-pruned':
      return `by ${event.by}: ${event.entries} entries`;
    case 'hold-placed': {
      const { kind: _, hold, by, reason, ...scope } = event;
      return `${hold} by ${by} on ${JSON.stringify(scope)}: ${reason}`;
    }
    case 'hold-released':
      return `${event.hold} by ${event.by}: ${event.reason}`;
    default:
      return JSON.stringify(event);
  }
}

function who({
  principal,
  onBehalfOf,
}: {
  readonly principal: string;
  readonly onBehalfOf: readonly string[];
}): string {
  return [principal, ...onBehalfOf].join(' for ');
}

function changed(changes: readonly unknown[] | undefined): string {
  return changes === undefined ? '' : `, ${changes.length} changes`;
}

function author({ door, by }: Partial<ChangeAuthor>): string {
  return door === undefined ? '' : `, at ${door}${by === undefined ? '' : ` by ${by}`}`;
}

function list(what: string, items: readonly string[] | undefined): string {
  return items === undefined || items.length === 0 ? '' : `${what} ${items.join(', ')}`;
}
