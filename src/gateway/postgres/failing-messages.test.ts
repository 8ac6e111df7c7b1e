import { expect, test } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import { decodeBackendMessage, ErrorFields } from '../../wire/postgres/index.ts';
import { failingParse, failingQuery } from './failing-messages.ts';

const error = new SluiceError('syntax_error', 'found by the gate', { position: 3 });
const inUtf8 = (text: string): Buffer => Buffer.from(text);
const said = (text: string) => ({ bytes: Buffer.from(text), text });

/** What the client gets of an error of the database. */
function told(
  text: string,
  message: string,
  position: number,
  found = error,
): Record<string, string | undefined> {
  const entries = Object.entries({ S: 'ERROR', V: 'ERROR', C: '42601', M: message, P: String(position) });
  const fields = new ErrorFields(entries.map(([code, value]) => ({ code, value: Buffer.from(value) })));
  const shown = decodeBackendMessage(failingQuery(found, inUtf8, said(text)).refusal(fields)!);
  if (shown.type !== 'ErrorResponse') throw new Error('no error');
  return { message: shown.fields.get('M'), position: shown.fields.get('P') };
}

test('a text that did not parse is forwarded with an end that never parses', () => {
  expect(failingQuery(error, inUtf8, said('SELEC')).frame.toString()).toContain('SELEC\n{\0');
  expect(failingParse(error, inUtf8, 'mine', said('SELEC')).frame.toString()).toContain('SELEC\n{\0');
});

test('its unnamed statement goes with a Parse, a named one does not', () => {
  expect(failingParse(error, inUtf8, '', said('x')).frame[5]).toBe(0);
  expect(failingParse(error, inUtf8, 'mine', said('x')).frame[5]).not.toBe(0);
});

test.each(['not_understood', 'statement_too_complex', 'statement_denied'] as const)(
  'a text that is refused as %s is not forwarded',
  (code) => {
    const refused = new SluiceError(code, 'no');
    for (const { frame } of [
      failingQuery(refused, inUtf8, said('SELECT 4711')),
      failingParse(refused, inUtf8, '', said('SELECT 4711')),
    ])
      expect(frame.toString()).not.toContain('4711');
  },
);

test('what the database found before the end is told as it is', () => {
  expect(told('SELEC 1', 'syntax error at or near "SELEC"', 1)).toEqual({
    message: 'syntax error at or near "SELEC"',
    position: '1',
  });
});

test('what it quotes up to the end is told without the end', () => {
  expect(told("SELECT 'a\n{b", `unterminated quoted string at or near "'a\n{b\n{"`, 8)).toEqual({
    message: `unterminated quoted string at or near "'a\n{b"`,
    position: '8',
  });
});

test('where it stops at the end, the gate tells what it found itself', () => {
  expect(told('x😀', 'syntax error at or near "{"', 4)).toEqual({
    message: 'found by the gate',
    position: '3',
  });
});

test('what older servers check when the statement runs is told as they would', () => {
  const found = new SluiceError('syntax_error', 'unrecognized partitioning strategy "magic"', {
    position: 3,
  });
  expect(told('xy', 'syntax error at or near "{"', 4, found)).toEqual({
    message: 'unrecognized partitioning strategy "magic"',
    position: undefined,
  });
});
