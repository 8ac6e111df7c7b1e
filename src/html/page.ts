/**
 * A whole page: quiet, readable in light and dark and on paper, without scripts and without anything from elsewhere. Its policy allows its own
 * style and nothing more, so that even markup that slipped in could do nothing.
 *
 * @see https://www.w3.org/TR/CSP3/
 */
import { createHash } from 'node:crypto';
import { type Html, html, Html as Markup } from './html.ts';

export interface PageParts {
  readonly title: string;
  readonly body: Html;
  /** More rules, a constant of the program. */
  readonly style?: string;
}

export interface Page {
  readonly text: string;
  /** For the header `content-security-policy`; the page carries what of it a page can carry. */
  readonly contentSecurityPolicy: string;
}

const STYLE = `
:root { color-scheme: light dark; --text: #1d2327; --quiet: #5c6a73; --line: #dfe4e8; --paper: #fff; --soft: #f5f7f8; --accent: #0b6e5f; --bad: #a8321f; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --text: #e3e7ea; --quiet: #98a5ae; --line: #333c43; --paper: #15191c; --soft: #1d2226; --accent: #58c4b0; --bad: #f08a76; --warn: #e0b04f; } }
* { box-sizing: border-box; }
html { background: var(--paper); }
body { margin: 0 auto; padding: 3rem 1.5rem 4rem; max-width: 46rem; color: var(--text); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.4rem 0 .6rem; }
p { margin: .5rem 0; }
a { color: var(--accent); }
code, pre { font: .87em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 500; color: var(--quiet); white-space: nowrap; }
.quiet { color: var(--quiet); }
.bad { color: var(--bad); }
.good { color: var(--accent); }
`;

export function makePage({ title, body, style = '' }: PageParts): Page {
  const rules = `${STYLE}${style}`;
  const hash = createHash('sha256').update(rules).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; base-uri 'none'`;
  const text = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Markup(rules)}</style>
</head>
<body>
${body}
</body>
</html>
`;
  return { text: text.toString(), contentSecurityPolicy: `${policy}; frame-ancestors 'none'` };
}
