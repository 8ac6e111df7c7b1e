/**
 * The part of the comparison that takes its time (`npm run compat`): what the fast part leaves out of scripts, errors and ways to read
 * texts; values of 100 MB, results of 10,000,000 rows. `SLUICE_ROWS` says how many instead.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeFrontendMessage as encode } from '../../../src/wire/postgres/index.ts';
import { bind, copyDone, execute, parse, query as q, sync } from '../../support/frames.ts';
import { isFastReading, READINGS } from './cases/readings.ts';
import { isFastScript, STATEMENT_KINDS } from './cases/statement-kinds.ts';
import { requireSame, requireSameScript, testErrors } from './comparison.ts';
import { FORMS } from './conversation.ts';
import { type Stage, startStage } from './stage.ts';
import { digestAnswer, type StreamDigest } from './streams.ts';

const ROWS = Number(process.env.SLUICE_ROWS ?? 10_000_000);
const MIB = 1_048_576;
const LARGE = 100 * MIB;
const MINUTES = 60_000;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage('limits: { maxMessageBytes: 256MiB }\n');
});
afterAll(() => stage.stop());

describe.each(FORMS)('statements, %s', (form) => {
  const scripts = Object.keys(STATEMENT_KINDS).filter((name) => !isFastScript(name, form === 'simple'));
  test.each(scripts)('%s', (name) => requireSameScript(stage, form, name));
});

describe('errors out of and in a transaction, extended, text', () => {
  testErrors(() => stage, 'extended, text');
});

describe('how texts are read', () => {
  test.each(Object.keys(READINGS).filter((name) => !isFastReading(name)))('%s', async (name) => {
    await requireSame(stage, READINGS[name]!);
  });
});

async function requireSameStream(frames: readonly Buffer[], ends = 1): Promise<StreamDigest> {
  await stage.reset();
  const expected = await digestAnswer(stage.direct, frames, ends);
  await stage.reset();
  expect(await digestAnswer(stage.through, frames, ends)).toEqual(expected);
  return expected;
}

describe('values of 100 MB', () => {
  const large = Buffer.alloc(LARGE, 'large values ');
  const bindLarge = (parameterFormat: number, resultFormat: number): Buffer =>
    encode({
      type: 'Bind',
      portal: '',
      statement: '',
      parameterFormats: [parameterFormat],
      parameters: [large],
      resultFormats: [resultFormat],
    });

  test('as results', { timeout: 5 * MINUTES }, async () => {
    const text = `SELECT repeat('0123456789', ${LARGE / 10}), 1`;
    for (const frames of [[q(text)], [parse(text), bind([], '', '', [1]), execute(), sync]])
      expect((await requireSameStream(frames)).bytes).toBeGreaterThan(LARGE);
  });

  test.each([
    ['text', 'SELECT $1::text', 0, 0],
    ['binary', 'SELECT $1::bytea', 1, 1],
    ['binary to text', 'SELECT $1::bytea', 1, 0],
  ] as const)(
    'as parameters, %s',
    { timeout: 5 * MINUTES },
    async (_, text, parameterFormat, resultFormat) => {
      const frames = [parse(text), bindLarge(parameterFormat, resultFormat), execute(), sync];
      expect((await requireSameStream(frames)).bytes).toBeGreaterThan(LARGE);
    },
  );

  test('by COPY, in and out', { timeout: 5 * MINUTES }, async () => {
    const data = Array.from({ length: 100 }, (_, i) =>
      encode({ type: 'CopyData', data: large.subarray(i * MIB, (i + 1) * MIB) }),
    );
    const frames = [
      q('CREATE TEMP TABLE copied (a text)'),
      q('COPY copied FROM STDIN'),
      ...data,
      copyDone,
      q('COPY copied TO STDOUT'),
    ];
    expect((await requireSameStream(frames, 3)).bytes).toBeGreaterThan(LARGE);
  });

  test('by FunctionCall', { timeout: 5 * MINUTES }, async () => {
    const call = (functionOid: number, ...values: (Buffer | string)[]): Buffer =>
      encode({
        type: 'FunctionCall',
        functionOid,
        argumentFormats: values.map((value) => (typeof value === 'string' ? 0 : 1)),
        arguments: values.map((value) => Buffer.from(value)),
        resultFormat: 1,
      });
    const [loOpen, loRead, loWrite, loSeek] = [952, 954, 955, 956];
    const frames = [
      q('BEGIN; SELECT lo_create(4711)'),
      call(loOpen, '4711', '393216'),
      call(loWrite, '0', large),
      call(loSeek, '0', '0', '0'),
      call(loRead, '0', String(LARGE)),
      q('ROLLBACK'),
    ];
    expect((await requireSameStream(frames, 6)).bytes).toBeGreaterThan(LARGE);
  });
});

describe(`results of ${ROWS} rows`, () => {
  const text = `SELECT i, 'row ' || i FROM generate_series(1, ${ROWS}) i`;
  test.each<[string, Buffer[]]>([
    ['simple', [q(text)]],
    ['extended, binary', [parse(text), bind([], '', '', [1]), execute(), sync]],
    [
      'in portions',
      [
        parse(text),
        bind(),
        ...Array.from({ length: 10 }, () => execute(Math.ceil(ROWS / 10))),
        execute(),
        sync,
      ],
    ],
    ['COPY', [q(`COPY (${text}) TO STDOUT`)]],
  ])('%s', { timeout: 10 * MINUTES }, async (_, frames) => {
    expect((await requireSameStream(frames)).rows).toBe(ROWS);
  });
});
