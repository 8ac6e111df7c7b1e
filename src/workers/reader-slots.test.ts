import { expect, it } from 'vitest';
import { ReaderSlots } from './reader-slots.ts';

it('bounds each reader on its own', () => {
  const slots = new ReaderSlots(2);
  const release = slots.take('a');
  slots.take('a');
  expect(() => slots.take('a')).toThrow(expect.objectContaining({ code: 'too_many_connections' }));
  slots.take('b');
  release();
  release();
  slots.take('a');
  expect(() => slots.take('a')).toThrow('a has 2 searches under way');
});
