/**
 * A request as a mail. Its text is hostile: it stands in the body only, escaped there; the headers hold words of the configuration and the
 * gate. A link leads to the gate, where a person has to show a token: whoever or whatever opens it, nothing is answered by that.
 */
import { html } from '../../html/html.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import type { RequestWords } from './request-words.ts';

/** Plain data, to be stored until it is sent. */
export interface Mail {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** With angle brackets. The same for each attempt, so that mailboxes know a repetition. */
  readonly messageId: string;
  /** The first mail about the request, if this is not it: mailboxes show them together. */
  readonly inReplyTo?: string;
}

export interface MailContext {
  readonly to: readonly string[];
  /** Of the sender's address. */
  readonly domain: string;
  /** Counts the steps of the request, from 0. */
  readonly revision: number;
}

export function mailOf(request: ApprovalRequest, words: RequestWords, context: MailContext): Mail {
  const { to, domain, revision } = context;
  const first = `<${request.id}@${domain}>`;
  const subject = `${subjectOf(request)}`;
  return {
    to,
    // A changed subject would begin another conversation.
    subject: revision === 0 ? subject : `Re: ${subject}`,
    text: textOf(words),
    html: String(pageOf(words)),
    messageId: revision === 0 ? first : `<${request.id}.${revision}@${domain}>`,
    ...(revision === 0 ? {} : { inReplyTo: first }),
  };
}

function subjectOf({ id, facts, binding, access }: ApprovalRequest): string {
  return `[Sluice] ${facts[0]?.command ?? (access === undefined ? 'A statement' : 'Access')} on ${binding.database} by ${binding.principal} (${id})`;
}

function textOf(words: RequestWords): string {
  const rows = words.rows.map(([label, text]) => (label === '' ? text : `${label}: ${text}`));
  const statement = words.statement === undefined ? [] : ['', words.statement];
  return [words.title, '', ...rows, ...statement, '', ...closing(words), ''].join('\n');
}

function closing({ id, isOpen, link, expiresAt }: RequestWords): string[] {
  const deadline = `It waits until ${new Date(expiresAt).toUTCString()}.`;
  const command = isOpen ? `sluice approvals approve ${id}` : `sluice approvals show ${id}`;
  return [...(isOpen ? [deadline] : []), ...(link === undefined ? [] : [link]), command];
}

const CELL = 'padding:2px 12px 2px 0;vertical-align:top;text-align:left;font-weight:normal';

function pageOf(words: RequestWords) {
  const { title, rows, statement, link, isOpen } = words;
  const open = isOpen ? 'See and answer it' : 'See it';
  return html`<!doctype html><html><body style="font:14px/1.5 system-ui,sans-serif;max-width:640px">
<h1 style="font-size:18px">${title}</h1>
<table>${rows.map(
    ([
      label,
      text,
    ]) => html`<tr><th style="${CELL};opacity:.7">${label}</th><td style="${CELL}">${text}</td></tr>
`,
  )}</table>
${statement === undefined ? undefined : html`<pre style="white-space:pre-wrap;padding:12px;border:1px solid #8884">${statement}</pre>`}
${link === undefined ? undefined : html`<p><a href="${link}">${open}</a></p>`}
<p style="opacity:.7">${closing(words)
    .filter((line) => line !== link)
    .map((line) => html`${line}<br>`)}</p>
</body></html>`;
}
