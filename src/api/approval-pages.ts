/**
 * `/approvals/<id>`: where links in messages lead. A page with a form and no more: opening it shows nothing, answers nothing and tells
 * nobody whether there is such a request, because mail servers and chats open links too. Whoever shows a token with it sees what the
 * HTTP API would show them and may answer. The token is asked for each time and never stands in a page.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { wordsOf } from '../approvals/notifications/request-words.ts';
import { asSluiceError } from '../errors/sluice-error.ts';
import { type Html, html } from '../html/html.ts';
import { makePage } from '../html/page.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { Actor } from '../model/principal.ts';
import type { ReviewDesk } from './approval-review.ts';
import { type ApprovalDesk, visibleRequest } from './approval-routes.ts';
import type { Authenticate } from './bearer.ts';

const MAX_FORM_BYTES = 16 * 1024;

const STYLE = `
form { margin-top: 2rem; padding: 1.2rem; background: var(--soft); border: 1px solid var(--line); border-radius: 8px; }
label { display: block; margin-bottom: .9rem; color: var(--quiet); font-size: .9rem; }
input { display: block; width: 100%; margin-top: .25rem; padding: .5rem .6rem; font: inherit; color: var(--text); background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }
button { font: inherit; padding: .45rem 1.1rem; margin-right: .5rem; border-radius: 6px; border: 1px solid var(--line); background: var(--paper); color: var(--text); cursor: pointer; }
button.good { border-color: var(--accent); }
button.bad { border-color: var(--bad); }
input:focus-visible, button:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
`;

interface Shown {
  readonly id: string;
  readonly request?: ApprovalRequest;
  /** What became of what was asked. */
  readonly note?: Html;
}

export function addApprovalPages(app: FastifyInstance, serving: Serving): void {
  app.register(async (pages) => {
    pages.removeAllContentTypeParsers();
    pages.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: MAX_FORM_BYTES },
      (_request, body, done) => done(null, new URLSearchParams(body as string)),
    );
    pages.get<{ Params: { id: string } }>('/approvals/:id', (request, reply) =>
      sendPage(reply, { id: request.params.id }),
    );
    pages.post<{ Params: { id: string }; Body: URLSearchParams | undefined }>(
      '/approvals/:id',
      async ({ params: { id }, body = new URLSearchParams(), ip }, reply) => {
        try {
          return await sendPage(reply, await serve(id, body, ip, serving));
        } catch (thrown) {
          const { code, httpStatus, message } = asSluiceError(thrown);
          const text = code === 'unauthorized' ? 'this is no valid token' : message;
          const note = html`<p class="bad" role="alert">Nothing was answered: ${text}.</p>`;
          return sendPage(reply.code(httpStatus), { id, note });
        }
      },
    );
  });
}

export interface Serving {
  readonly desk: ApprovalDesk;
  readonly reviews: ReviewDesk;
  readonly authenticate: Authenticate;
}

async function serve(
  id: string,
  form: URLSearchParams,
  address: string,
  { desk, reviews, authenticate }: Serving,
): Promise<Shown> {
  const actor = await authenticate(address, form.get('token') || undefined);
  const request = await visibleRequest(desk, actor, id);
  const answer = form.get('answer');
  if (answer !== 'approve' && answer !== 'deny') return { id, request: reviews.revealed(request, actor) };
  const voted = await vote(desk, actor, id, answer, form.get('reason') ?? '');
  return { id, request: reviews.revealed(voted, actor), note: COUNTED };
}

const COUNTED = html`<p class="good" role="status">Your answer counts.</p>`;

function vote(desk: ApprovalDesk, actor: Actor, id: string, answer: 'approve' | 'deny', reason: string) {
  const given = reason.trim();
  return desk.vote(id, actor, answer, given === '' ? undefined : given);
}

function sendPage(reply: FastifyReply, shown: Shown): FastifyReply {
  const { text, contentSecurityPolicy } = makePage({
    title: 'Sluice: an approval request',
    style: STYLE,
    body: html`${shown.note}${shown.request === undefined ? intro(shown) : details(shown.request)}${form(shown)}`,
  });
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', contentSecurityPolicy)
    .header('referrer-policy', 'no-referrer')
    .header('x-frame-options', 'DENY')
    .send(text);
}

function intro({ id }: Shown): Html {
  return html`<h1>An approval request</h1>
<p>Show your token of the gate to see <code>${id}</code>, and to answer it.</p>`;
}

function details(request: ApprovalRequest): Html {
  const { title, rows, statement } = wordsOf(request, { includeStatement: true });
  return html`<h1>${title}</h1>
<table>${rows.map(([label, text]) => html`<tr><th scope="row">${label}</th><td>${text}</td></tr>`)}</table>
<pre>${statement}</pre>
<p class="quiet">Parameters, and all facts: <code>sluice approvals show ${request.id}</code></p>`;
}

function form({ id, request }: Shown): Html | undefined {
  if (request !== undefined && request.state !== 'pending') return undefined;
  const answers = html`<label>Reason (a denial needs one)
<input name="reason" maxlength="500" autocomplete="off"></label>
<button class="good" name="answer" value="approve">Approve</button>
<button class="bad" name="answer" value="deny">Deny</button>`;
  return html`<form method="post" action="/approvals/${encodeURIComponent(id)}">
<label>Token
<input name="token" type="password" required autocomplete="current-password" spellcheck="false"></label>
${request === undefined ? html`<button name="answer" value="show">Show it</button>` : answers}
</form>`;
}
