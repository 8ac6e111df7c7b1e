/**
 * `/approvals/<id>`: where links in messages lead. A page with a form and no more: opening it shows nothing, answers nothing and tells
 * nobody whether there is such a request, because mail servers and chats open links too. Whoever shows a token with it sees what the
 * HTTP API would show them and may answer. The token is asked for each time and never stands in a page.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { asSluiceError } from '../errors/sluice-error.ts';
import { type Html, html } from '../html/html.ts';
import { makePage } from '../html/page.ts';
import type { Actor } from '../model/principal.ts';
import { PAGE_STYLE, requestView, type ShownRequest } from './approval-page-view.ts';
import { type ApprovalRouteDeps, visibleRequest } from './approval-routes.ts';
import type { Authenticate } from './bearer.ts';

const MAX_FORM_BYTES = 16 * 1024;

interface Shown {
  readonly id: string;
  readonly found?: ShownRequest;
  /** What became of what was asked. */
  readonly note?: Html;
}

export function addApprovalPages(
  app: FastifyInstance,
  deps: ApprovalRouteDeps,
  authenticate: Authenticate,
): void {
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
          const actor = await authenticate(ip, body.get('token') || undefined);
          return await sendPage(reply, await serve(id, body, actor, deps));
        } catch (thrown) {
          const { code, httpStatus, message } = asSluiceError(thrown);
          const text = code === 'unauthorized' ? 'this is no valid token' : message;
          const note = html`<p class="bad" role="alert">Nothing was done: ${text}.</p>`;
          return sendPage(reply.code(httpStatus), { id, note });
        }
      },
    );
  });
}

async function serve(
  id: string,
  form: URLSearchParams,
  actor: Actor,
  deps: ApprovalRouteDeps,
): Promise<Shown> {
  const asked = form.get('answer');
  const found = await visibleRequest(deps.desk, actor, id);
  const preview = asked === 'preview' ? await deps.preview(id, actor) : undefined;
  const isAnswer = asked === 'approve' || asked === 'deny';
  const reason = form.get('reason')?.trim();
  const now = isAnswer ? await deps.desk.vote(id, actor, asked, reason === '' ? undefined : reason) : found;
  const shown = {
    request: deps.reviews.revealed(now, actor),
    review: await deps.reviews.review(now, actor),
    ...(preview === undefined ? {} : { preview }),
  };
  return { id, found: shown, ...(isAnswer ? { note: COUNTED } : {}) };
}

const COUNTED = html`<p class="good" role="status">Your answer counts.</p>`;

function sendPage(reply: FastifyReply, { id, found, note }: Shown): FastifyReply {
  const { text, contentSecurityPolicy } = makePage({
    title: 'Sluice: an approval request',
    style: PAGE_STYLE,
    body: html`${note}${found === undefined ? intro(id) : requestView(found)}${form(id, found)}`,
  });
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', contentSecurityPolicy)
    .header('referrer-policy', 'no-referrer')
    .header('x-frame-options', 'DENY')
    .send(text);
}

function intro(id: string): Html {
  return html`<h1>An approval request</h1>
<p>Show your token of the gate to see <code>${id}</code>, and to answer it.</p>`;
}

function form(id: string, found: ShownRequest | undefined): Html | undefined {
  if (found !== undefined && found.request.state !== 'pending') return undefined;
  const answers = html`<label>Reason (a denial needs one)
<input name="reason" maxlength="500" autocomplete="off"></label>
<button class="good" name="answer" value="approve">Approve</button>
<button class="bad" name="answer" value="deny">Deny</button>
<button name="answer" value="preview">Preview</button>`;
  return html`<form method="post" action="/approvals/${encodeURIComponent(id)}">
<label>Token
<input name="token" type="password" required autocomplete="current-password" spellcheck="false"></label>
${found === undefined ? html`<button name="answer" value="show">Show it</button>` : answers}
</form>`;
}
