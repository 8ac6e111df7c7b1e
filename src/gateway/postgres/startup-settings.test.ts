import { expect, test } from 'vitest';
import { holdModeOf, settingText, startupSettings } from './startup-settings.ts';

test.each([
  ['-c search_path=a', { search_path: 'a' }],
  ['  -csearch_path=a\t--Statement-Timeout=5s ', { search_path: 'a', statement_timeout: '5s' }],
  ['-c x=a\\ b\\\\c', { x: 'a b\\c' }],
  ['', {}],
])('options %j', (options, expected) => {
  expect(Object.fromEntries(startupSettings(new Map([['options', options]])))).toEqual(expected);
});

test.each(['-c', '-c x', '-d 5', 'x=1', '-c =1'])('refuses options %j', (options) => {
  expect(() => startupSettings(new Map([['options', options]]))).toThrow('only -c name=value');
});

test('a parameter wins over options, and names fold', () => {
  const settings = startupSettings(
    new Map([
      ['user', 'bob'],
      ['options', '-c datestyle=a'],
      ['DateStyle', 'ISO'],
    ]),
  );
  expect([...settings]).toEqual([['datestyle', 'ISO']]);
});

test('settings read as the statements that would do the same', () => {
  const settings = startupSettings(
    new Map([
      ['options', `-c search_path=a,"b" -c sluice.on_hold=fail`],
      ['x"y', `'\\`],
    ]),
  );
  expect(settingText(settings)).toBe(
    `SET "search_path" TO 'a,"b"'; SET "sluice"."on_hold" TO 'fail'; SET "x""y" TO E'''\\\\'`,
  );
});

test('hold mode', () => {
  expect(holdModeOf(new Map(), 'wait')).toBe('wait');
  expect(holdModeOf(new Map([['sluice.on_hold', 'fail']]), 'wait')).toBe('fail');
  expect(() => holdModeOf(new Map([['sluice.on_hold', 'x']]), 'wait')).toThrow('sluice.on_hold');
});
