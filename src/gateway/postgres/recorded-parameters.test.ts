import { expect, test } from 'vitest';
import { boundAgain } from './bound-parameters.ts';
import { recordParameters } from './recorded-parameters.ts';

const UTF8 = { client: 'UTF8', server: 'UTF8' };
const recorded = (value: Buffer, encodings = UTF8, format = 0) =>
  recordParameters({ parameters: [value], parameterFormats: [format] }, encodings)[0]!;
const umlaut = Buffer.from('ä');

test.each([
  ['as the client means it', umlaut, UTF8, 'ä'],
  ['as the client means it', umlaut, { client: 'LATIN1', server: 'UTF8' }, 'Ã¤'],
  ['as bytes, if the gate cannot read it', umlaut, { client: 'WIN1252', server: 'UTF8' }, '\\t64:w6Q='],
  ['plain, whatever the encoding', Buffer.from('a'), { client: 'SJIS', server: 'UTF8' }, 'a'],
  ['as bytes, if it is invalid', Buffer.from([0xe4]), UTF8, '\\t64:5A=='],
  ['so that it imitates no bytes', Buffer.from('\\t64:5A=='), UTF8, '\\\\t64:5A=='],
])('a text is recorded %s', (_, value, encodings, text) => {
  expect(recorded(value, encodings)).toBe(text);
});

test('binary values are none of the texts', () => {
  expect(recorded(Buffer.from([0xe4]), UTF8, 1)).toBe('\\x64:5A==');
});

test('what is recorded as it is, is bound again as it was', () => {
  const again = (value: Buffer, format = 0) => boundAgain([recorded(value, UTF8, format)], [0]);
  expect(again(umlaut)).toMatchObject({ parameters: [umlaut], parameterFormats: [0] });
  expect(again(Buffer.from('\\x64:5A=='))).toMatchObject({ parameters: [Buffer.from('\\x64:5A==')] });
  expect(again(Buffer.from([0xe4]), 1)).toMatchObject({
    parameters: [Buffer.from([0xe4])],
    parameterFormats: [1],
  });
  expect(again(Buffer.from([0xe4]))).toBeUndefined();
  expect(again(Buffer.alloc(2000))).toBeUndefined();
});
