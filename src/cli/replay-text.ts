/**
 * A session's replay for people: a line of what was done, under it what came of it. Texts of others are made safe to show; on a terminal, long
 * statements are cut to a few lines.
 */

import { printable, printableLine } from '../html/visible-text.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { Hit, HitOutcome, HitSession } from '../search/hits.ts';
import { chainText, tookText } from './hit-columns.ts';
import { eventText } from './ledger-text.ts';
import { fitted, timeText } from './table.ts';
import type { Paint } from './terminal.ts';

type Statement = Extract<LedgerEvent, { kind: 'statement' }>;

/** Before every text: `02:14:09.120  +12.3 s  #4   `. */
const INDENT = 30;
const MAX_LINES = 12;
/** In front of every line of a statement but the first: nothing in it can pass for what came of it. */
const CONTINUED = '┆ ';
/** Pauses shorter than this are not worth a word. */
const PAUSE_MS = 1000;

export class ReplayText {
  readonly #paint: Paint;
  readonly #width: number | undefined;
  #day: string | undefined;
  #last: number | undefined;
  /** Statements shown without their outcome. */
  readonly #open = new Set<number>();

  /** @param width columns of the terminal; undefined where lines must not be cut */
  constructor(paint: Paint, width: number | undefined) {
    this.#paint = paint;
    this.#width = width;
  }

  /** The lines of what comes next. */
  lines(hit: Hit): readonly string[] {
    const { event, outcome, seq } = hit;
    if (outcome !== undefined && this.#open.delete(seq) && event.kind === 'statement') {
      return [this.#line(outcome.at ?? hit.at, `#${event.statement}`, this.#outcome(outcome))];
    }
    const lines = [...this.#dayLine(hit.at), ...this.#event(hit)];
    this.#last = outcome?.at ?? hit.at;
    return lines;
  }

  #event(hit: Hit): readonly string[] {
    const { event, session, at } = hit;
    switch (event.kind) {
      case 'session-opened':
        return [...this.#head(event.session, session), this.#line(at, '', this.#paint('dim', 'opened'))];
      case 'session-closed': {
        const count = event.statements === undefined ? '' : `, ${event.statements} statements`;
        return [this.#line(at, '', this.#paint('dim', `closed: ${printableLine(event.reason)}${count}`))];
      }
      case 'statement':
        return this.#statement(hit, event);
      case 'approval':
        return [this.#line(at, '', this.#approval(event))];
      default:
        return [this.#line(at, '', `${event.kind} ${printableLine(eventText(event))}`)];
    }
  }

  #head(id: string, session: HitSession | undefined): readonly string[] {
    if (session === undefined) return [];
    const { database, environment, client, application, purpose } = session;
    const who = this.#paint('bold', printableLine(chainText(session)));
    const where = `${printableLine(database)} (${printableLine(environment)})`;
    const from = `from ${printableLine(client)}${application === '' ? '' : `, ${printableLine(application)}`}`;
    return [
      `${who} on ${where} ${from}`,
      this.#paint('dim', `session ${printableLine(id)}`),
      ...(purpose === undefined ? [] : [`purpose: ${printableLine(purpose)}`]),
      '',
    ];
  }

  #statement(hit: Hit, event: Statement): readonly string[] {
    const [first = '', ...rest] = this.#cut(event.text);
    const parameters =
      event.parameters === undefined ? [] : [this.#paint('dim', `$ ${parametersText(event.parameters)}`)];
    return [
      this.#line(hit.at, `#${event.statement}`, first),
      ...rest.map((line) => indented(`${this.#paint('dim', CONTINUED)}${line}`)),
      ...parameters.map(indented),
      indented(this.#came(hit, event)),
    ];
  }

  #came({ seq, outcome }: Hit, event: Statement): string {
    const by =
      event.policies.length === 0 ? '' : this.#paint('dim', ` · ${printableLine(event.policies.join(', '))}`);
    const why = event.reason === undefined ? '' : `: ${printableLine(event.reason)}`;
    if (event.decision === 'deny') return `${this.#paint('red', '✗ denied')}${why}${by}`;
    const request = event.approval === undefined ? '' : ` · ${printableLine(event.approval)}`;
    if (event.decision === 'hold') return `${this.#paint('yellow', '‖ held')}${why}${request}${by}`;
    const masked =
      event.masked === undefined
        ? ''
        : this.#paint('cyan', ` · masked ${printableLine(event.masked.join(', '))}`);
    if (outcome === undefined) {
      this.#open.add(seq);
      return `${this.#paint('yellow', '… no outcome yet')}${request}${by}${masked}`;
    }
    return `${this.#outcome(outcome)}${request}${by}${masked}`;
  }

  #outcome({ tag, sqlstate, rows, durationUs, labels }: HitOutcome): string {
    const seen = Object.entries(labels ?? {}).filter(([, one]) => one.unmasked !== undefined);
    const plain =
      seen.length === 0
        ? ''
        : this.#paint('yellow', ` · ${printableLine(seen.map(([label]) => label).join(', '))} as it is`);
    const took = this.#paint('dim', `, ${tookText(durationUs)}`);
    if (sqlstate !== undefined) return `${this.#paint('red', `✗ ${printableLine(sqlstate)}`)}${took}`;
    return `${this.#paint('green', '→')} ${printableLine(tag ?? `${rows} rows`)}${took}${plain}`;
  }

  #approval(event: Extract<LedgerEvent, { kind: 'approval' }>): string {
    const { request, step, by, verdict, reason } = event;
    const what = step === 'vote' ? (verdict ?? 'vote') : step;
    const style =
      step === 'denied' || verdict === 'deny'
        ? 'red'
        : step === 'approved' || verdict === 'approve'
          ? 'green'
          : 'yellow';
    const who = by === undefined ? '' : ` by ${printableLine(by)}`;
    const why = reason === undefined ? '' : `: ${printableLine(reason)}`;
    return `${this.#paint(style, `◇ ${what}`)}${who}${why}${this.#paint('dim', ` · ${printableLine(request)}`)}`;
  }

  #line(at: number, number: string, text: string): string {
    const gap = this.#last === undefined ? 0 : at - this.#last;
    const pause = gap >= PAUSE_MS ? `+${tookText(gap * 1000)}` : '';
    const time = new Date(at).toISOString().slice(11, 23);
    return `${this.#paint('dim', `${time}  ${pause.padStart(8)}`)}  ${number.padEnd(5)} ${text}`;
  }

  #dayLine(at: number): readonly string[] {
    const day = timeText(at).slice(0, 10);
    if (day === this.#day) return [];
    this.#day = day;
    return [this.#paint('dim', `── ${day} (UTC) ──`)];
  }

  #cut(text: string): readonly string[] {
    const lines = printable(text.trim()).replaceAll('\t', '  ').split('\n');
    if (this.#width === undefined) return lines;
    const width = Math.max(30, this.#width - INDENT - CONTINUED.length);
    const fitting = lines.map((line) => fitted(line, width));
    if (fitting.length <= MAX_LINES) return fitting;
    return [
      ...fitting.slice(0, MAX_LINES - 1),
      this.#paint('dim', `… ${fitting.length - MAX_LINES + 1} more lines`),
    ];
  }
}

const indented = (line: string): string => `${' '.repeat(INDENT)}${line}`;

function parametersText(parameters: readonly (string | null)[]): string {
  return printableLine(
    parameters.map((one) => (one === null ? 'NULL' : JSON.stringify(one))).join(', '),
    200,
  );
}
