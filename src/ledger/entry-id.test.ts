import { expect, it } from 'vitest';
import { readId } from './entry-id.ts';

const idOf = (text: string) => readId(Buffer.from(`xx${text}yy`), 2, 2 + Buffer.byteLength(text));

it.each([
  '{"at":1,"id":"12.345","kind":"statement"}',
  '{"at":1,"bytes":77,"id":"12.345","kind":"outcome"}',
  '{"approval":"é","at":1,"id":"12.345","kind":"statement"}',
  '{"approval":",\\"id\\":\\"9.9\\",\\"kind\\":","at":1,"id":"12.345","kind":"statement"}',
  '{"id":"12.345"}',
])('reads the id of %s', (text) => {
  expect(idOf(text)).toEqual({ lane: 12, seq: 345 });
});

it.each([
  '',
  '{',
  '{"at":1,"id":"12345.6","kind":"x"}',
  '{"at":1,"id":"1.1234567890123456","kind":"x"}',
  '{"at":1,"id":"-1.2","kind":"x"}',
  '{"at":1,"id":".2","kind":"x"}',
  '{"at":1,"id":"2.","kind":"x"}',
  '{"at":1,"id":7,"kind":"x"}',
  'null',
])('reads none of %s', (text) => {
  expect(idOf(text)).toBeUndefined();
});
