/** What the page of a request shows. Everything that somebody else wrote goes through `html`, which makes text of it. */
import { wordsOf } from '../approvals/notifications/request-words.ts';
import { type Html, html } from '../html/html.ts';
import { printableLine } from '../html/visible-text.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { Preview, PreviewedRow } from '../model/preview.ts';
import type { Review } from './approval-review.ts';

/** A request as whoever looks may see it. */
export interface ShownRequest {
  readonly request: ApprovalRequest;
  readonly review: Review;
  readonly preview?: Preview;
}

const MAX_PARAMETERS = 50;
const MAX_VALUE_LENGTH = 200;

export const PAGE_STYLE = `
form { margin-top: 2rem; padding: 1.2rem; background: var(--soft); border: 1px solid var(--line); border-radius: 8px; }
label { display: block; margin-bottom: .9rem; color: var(--quiet); font-size: .9rem; }
input { display: block; width: 100%; margin-top: .25rem; padding: .5rem .6rem; font: inherit; color: var(--text); background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }
button { font: inherit; padding: .45rem 1.1rem; margin-right: .5rem; border-radius: 6px; border: 1px solid var(--line); background: var(--paper); color: var(--text); cursor: pointer; }
button.good { border-color: var(--accent); }
button.bad { border-color: var(--bad); }
input:focus-visible, button:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
mark { background: none; color: var(--bad); font-weight: 600; }
.scroll { overflow-x: auto; }
`;

export function requestView({ request, review, preview }: ShownRequest): Html {
  const { title, rows } = wordsOf(request, { includeStatement: false });
  const parameters = request.binding.parameters.slice(0, MAX_PARAMETERS);
  return html`<h1>${title}</h1>
<table>${rows.map(row)}</table>
<pre>${markedStatement(review)}</pre>
${parameters.length === 0 ? undefined : html`<table>${parameters.map((value, index) => row([`$${index + 1}`, cell(value)]))}</table>`}
${request.valuesHidden === true ? html`<p class="quiet">Values that you may not see are hidden.</p>` : undefined}
${similar(review)}
${preview === undefined ? undefined : previewView(preview)}`;
}

function markedStatement({ statement, marks }: Review): Html[] {
  const pieces: Html[] = [];
  let at = 0;
  for (const { start, end } of marks) {
    if (start < at) continue;
    pieces.push(html`${statement.slice(at, start)}<mark>${statement.slice(start, end)}</mark>`);
    at = end;
  }
  return [...pieces, html`${statement.slice(at)}`];
}

function similar({ similar: others }: Review): Html | undefined {
  if (others.length === 0) return undefined;
  return html`<h2>Similar requests</h2>
<table>${others.map(({ id, state, createdAt, votes }) =>
    row([
      new Date(createdAt).toISOString().slice(0, 16).replace('T', ' '),
      `${id} ${state}${votes.map(({ principal, reason }) => `, ${principal}${reason === undefined ? '' : `: ${reason}`}`).join('')}`,
    ]),
  )}</table>`;
}

function previewView({
  affected,
  relation,
  tables,
  triggers,
  durationMs,
  place,
  notes,
  ...shown
}: Preview): Html {
  const where = place === 'database' ? 'the database itself' : 'the copy for previews';
  return html`<h2>Preview</h2>
<table>
${row(['rows', `${affected.count} of ${relation}`])}
${tables.map((one) => row(['table', `${one.relation}: ${one.inserted} inserted, ${one.updated} updated, ${one.deleted} deleted`]))}
${triggers.map(({ name, relation: on, calls }) => row(['trigger', `${name} on ${on}, ${calls} times`]))}
${row(['took', `${durationMs} ms, on ${where}; rolled back`])}
${shown.masked.length === 0 ? undefined : row(['masked', shown.masked.join(', ')])}
${notes.map((note) => row(['note', note]))}
</table>
${shown.rows.length === 0 ? undefined : rowTable(shown)}`;
}

function rowTable({ columns, rows }: Pick<Preview, 'columns' | 'rows'>): Html {
  return html`<div class="scroll"><table>
<thead><tr>${columns.map((column) => html`<th scope="col">${printableLine(column)}</th>`)}</tr></thead>
<tbody>${rows.map((one) => html`<tr>${columns.map((_, index) => html`<td>${changeText(one, index)}</td>`)}</tr>`)}</tbody>
</table></div>`;
}

/** `before → after`, or the one there is. */
function changeText({ before, after }: PreviewedRow, column: number): string {
  const [was, becomes] = [before, after].map((values) =>
    values === undefined ? undefined : cell(values[column]),
  );
  if (was === undefined) return `+ ${becomes}`;
  return becomes === undefined || becomes === was ? was : `${was} → ${becomes}`;
}

function cell(value: string | null | undefined): string {
  if (value === null || value === undefined) return 'NULL';
  return value.length <= MAX_VALUE_LENGTH ? value : `${value.slice(0, MAX_VALUE_LENGTH - 1).toWellFormed()}…`;
}

function row([label, text]: readonly [string, string]): Html {
  return html`<tr><th scope="row">${printableLine(label)}</th><td>${printableLine(text)}</td></tr>\n`;
}
