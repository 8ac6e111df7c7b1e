import { expect, test } from 'vitest';
import { escapeHtml, Html, html } from './html.ts';

const HOSTILE = `</p><script>alert(1)</script>"' onload='x'&amp;\0`;

test('what is put in is text', () => {
  const page = String(html`<p title="${HOSTILE}">${HOSTILE}</p>`);
  expect(page.match(/[<>]/g)).toHaveLength(4);
  expect(page.match(/"/g)).toHaveLength(2);
  expect(page).not.toMatch(/'|\0/);
  expect(page).toContain('&amp;amp;');
});

test('markup, lists, numbers and nothing keep their meaning', () => {
  const items = ['a', '<b>'].map((item) => html`<li>${item}</li>`);
  expect(String(html`<ul>${items}</ul>${undefined}${3}${new Html('<hr>')}`)).toBe(
    '<ul><li>a</li><li>&lt;b&gt;</li></ul>3<hr>',
  );
});

test('what cannot be seen is spelled out, and turns nothing around', () => {
  const page = String(html`<p title="${'a\u202eb'}">${['\u200b', '\u0007', '\u3164', 'é\n']}</p>`);
  expect(page).toBe('<p title="a\\u{202e}b">\\u{200b}\\x07\\u{3164}é\n</p>');
});

test('half a surrogate pair does not reach the page', () => {
  expect(escapeHtml('\ud800')).toBe('\ufffd');
});
