/** What the sections of a report are made of. Everything that comes from the ledger goes through `html`, which makes text of it. */
import { type Html, type HtmlValue, html } from '../html/html.ts';
import { SECTION_TITLES, type SectionId } from './control.ts';
import type { Figure, Listed } from './evidence.ts';
import { shellCommand } from './filter-text.ts';

export function section(id: SectionId, lead: string, ...body: readonly HtmlValue[]): Html {
  return html`<section id="${id}">
<h2>${SECTION_TITLES[id]}</h2>
<p class="lead">${lead}</p>
${body}
</section>
`;
}

/** A table; `undefined` in a row leaves the cell empty. Says so if there is none. */
export function table(heads: readonly string[], rows: readonly (readonly HtmlValue[])[], none: string): Html {
  if (rows.length === 0) return html`<p class="none">${none}</p>`;
  return html`<table>
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>
${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table>
`;
}

/** How a number is counted again. */
export function recount(filter: string | undefined, ...options: readonly string[]): Html | undefined {
  if (filter === undefined) return undefined;
  return html`<code class="query">${shellCommand('sluice search', filter, ...options)}</code>`;
}

/** A number that opens to the command that counts it. The list at the end of the page has them all, for paper. */
export function figure({ value, filter }: Figure): Html {
  const text = numberText(value);
  if (filter === undefined) return html`${text}`;
  return html`<details><summary>${text}</summary>${recount(filter, '--count')}</details>`;
}

/** Below a table: how many rows there are, if not all are shown, and what finds them. */
export function remainder({ rows, total, filter }: Listed<unknown>): Html | undefined {
  if (rows.length === 0 && filter === undefined) return undefined;
  const shown =
    rows.length < total ? html`The first ${numberText(rows.length)} of ${numberText(total)}. ` : undefined;
  return html`<p class="quiet small">${shown}${recount(filter)}</p>`;
}

/** The place of an entry in the ledger. */
export function place(seq: number): Html {
  return html`<span class="seq">#${seq}</span>`;
}

export function numberText(value: number): string {
  return value.toLocaleString('en-US');
}

/** In UTC, to the second. */
export function timeText(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

export function names(list: readonly string[]): string {
  return list.join(', ');
}
