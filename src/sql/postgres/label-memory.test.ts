import { describe, expect, it } from 'vitest';
import { CatalogSnapshot } from './catalog.ts';
import { LabelMemory, unmatchedLabels } from './label-memory.ts';

type Table = readonly [oid: number, name: string, columns: readonly string[], kind?: string];

/** Columns are numbered as they stand; a `-` is one that was dropped. */
function catalogOf(...tables: Table[]): CatalogSnapshot {
  const relations = tables.map(([oid, id, columns, kind = 'r']) => {
    const [schema, name] = id.split('.');
    const infos = columns.flatMap((column, i) =>
      column === '-' ? [] : [[column, i + 1, 25, -1, null, 0, '', null, null]],
    );
    return JSON.stringify([oid, kind, schema, name, 'p', 0, 0, infos, ...new Array(8).fill(null)]);
  });
  const nothing = { functions: [], operators: [], casts: [], types: [] };
  return new CatalogSnapshot(1, { schemas: ['public', 'p2'], relations, ...nothing });
}

const EMAIL = { relation: 'public.customers', column: 'email', label: 'email' };

/** The labelled columns after each of those states of the catalog. */
function labelledIn(...catalogs: CatalogSnapshot[]): string[] {
  const memory = new LabelMemory();
  const seen = catalogs.map((catalog) => memory.flow([EMAIL], catalog));
  return seen
    .at(-1)!
    .map(({ relation, column }) => `${relation}.${column}`)
    .filter((name) => name !== 'public.customers.email')
    .sort();
}

const BEFORE = catalogOf([17_000, 'public.customers', ['id', 'email']]);

describe('a label stays with its column', () => {
  it.each([
    ['the column is renamed', catalogOf([17_000, 'public.customers', ['id', 'e2']]), ['public.customers.e2']],
    [
      'the table is renamed',
      catalogOf([17_000, 'public.clients', ['id', 'email']]),
      ['public.clients.email'],
    ],
    ['the schema is renamed', catalogOf([17_000, 'p2.customers', ['id', 'email']]), ['p2.customers.email']],
    [
      'another table takes the name',
      catalogOf([17_001, 'public.customers', ['id', 'email']], [17_000, 'public.old', ['id', 'email']]),
      ['public.old.email'],
    ],
    [
      'a column before it is dropped',
      catalogOf([17_000, 'public.clients', ['-', 'email']]),
      ['public.clients.email'],
    ],
  ])('when %s', (_, now, expected) => {
    expect(labelledIn(BEFORE, now)).toEqual(expected);
    expect(labelledIn(BEFORE, now, now)).toEqual(expected);
  });

  it('through several renamings', () => {
    const [second, third] = ['public.a', 'public.b'].map((name) => catalogOf([17_000, name, ['id', 'e2']]));
    expect(labelledIn(BEFORE, second!, third!)).toEqual(['public.b.e2']);
  });

  it('until it is dropped', () => {
    const dropped = catalogOf([17_000, 'public.clients', ['id', '-', 'email']]);
    expect(labelledIn(BEFORE, dropped)).toEqual([]);
    expect(labelledIn(BEFORE, catalogOf(), BEFORE)).toEqual([]);
  });

  it('but not with a view', () => {
    const [view, renamed] = ['public.customers', 'public.v'].map((name) =>
      catalogOf([17_000, name, ['id', 'email'], 'v']),
    );
    expect(labelledIn(view!, renamed!)).toEqual([]);
  });
});

describe('two memories of one database', () => {
  const renamed = catalogOf([17_000, 'public.clients', ['id', 'mail']]);

  it('that was told of a column knows it under another name', () => {
    const [early, late] = [new LabelMemory(), new LabelMemory()];
    early.flow([EMAIL], BEFORE);
    expect(late.learn(early.takeNews().remembered)).toBe(true);
    expect(late.unread).toBe(true);
    expect(late.flow([EMAIL], renamed)).toContainEqual({
      ...{ ...EMAIL, relation: 'public.clients', column: 'mail' },
      origin: 'config:public.customers.email',
    });
    expect(late.unread).toBe(false);
  });

  it('tell each other nothing twice', () => {
    const [one, other] = [new LabelMemory(), new LabelMemory()];
    one.flow([EMAIL], BEFORE);
    const news = one.takeNews().remembered;
    expect(news).toEqual([
      { relationOid: 17_000, attnum: 2, ...EMAIL, origin: 'config:public.customers.email' },
    ]);
    expect(one.takeNews()).toEqual({ remembered: [], gone: [] });
    other.learn(news);
    other.flow([EMAIL], BEFORE);
    expect(other.takeNews()).toEqual({ remembered: [], gone: [] });
    expect(one.learn(news)).toBe(false);
  });
});

describe('what was copied', () => {
  const COPY = {
    ...{ relationOid: 0, attnum: 0, relation: 'public.mails', column: 'mail', label: 'email' },
    ...{ origin: 'copy:public.mails.mail', because: 'public.customers.email' },
  };
  const MADE = catalogOf([17_000, 'public.customers', ['id', 'email']], [17_001, 'public.mails', ['mail']]);
  const labelled = (memory: LabelMemory, catalog: CatalogSnapshot): string[] =>
    memory.flow([], catalog).map(({ relation, column }) => `${relation}.${column}`);

  it('is labelled as soon as it is there, under whatever name it has then', () => {
    const memory = new LabelMemory();
    memory.learn([COPY]);
    expect(labelled(memory, BEFORE)).toEqual([]);
    expect(memory.takeNews()).toEqual({ remembered: [], gone: [] });
    expect(labelled(memory, MADE)).toEqual(['public.mails.mail']);
    expect(memory.takeNews().remembered).toEqual([{ ...COPY, relationOid: 17_001, attnum: 1 }]);
    memory.forget(({ relationOid }) => relationOid === 0);
    expect(labelled(memory, catalogOf([17_001, 'public.m2', ['m2']]))).toEqual(['public.m2.m2']);
  });

  it('is not the table that had the name before', () => {
    const memory = new LabelMemory();
    memory.learn([{ ...COPY, notOid: 17_001 }]);
    expect(labelled(memory, MADE)).toEqual([]);
    expect(labelled(memory, catalogOf([17_002, 'public.mails', ['mail']]))).toEqual(['public.mails.mail']);
  });

  it('may be every column, or which rows there are', () => {
    const memory = new LabelMemory();
    memory.learn([
      { ...COPY, column: '' },
      { ...COPY, column: '*' },
    ]);
    expect(labelled(memory, MADE).sort()).toEqual(['public.mails.*', 'public.mails.mail']);
    memory.forget(({ relationOid }) => relationOid === 0);
    const renamed = catalogOf([17_001, 'public.m2', ['m2']]);
    expect(labelled(memory, renamed).sort()).toEqual(['public.m2.*', 'public.m2.m2']);
  });

  it('is forgotten with all that followed, when it is dropped, or for a reason that holds no more', () => {
    let holds = true;
    const memory = new LabelMemory(() => holds);
    memory.learn([{ ...COPY, relationOid: 17_001, attnum: 1 }]);
    expect(labelled(memory, MADE)).toEqual(['public.mails.mail']);
    holds = false;
    expect(labelled(memory, MADE)).toEqual([]);
    expect(memory.takeNews().gone).toHaveLength(1);
    holds = true;
    memory.learn([{ ...COPY, relationOid: 17_001, attnum: 1 }]);
    expect(labelled(memory, BEFORE)).toEqual([]);
    memory.learn([{ ...COPY, relationOid: 17_001, attnum: 1 }]);
    memory.forget(({ origin }) => origin === COPY.origin);
    expect(memory.unread).toBe(true);
    expect(labelled(memory, MADE)).toEqual([]);
  });

  it('that nobody has seen yet is waited for', () => {
    const memory = new LabelMemory();
    memory.flow([], BEFORE);
    memory.learn([{ ...COPY, relationOid: 17_001, attnum: 1 }]);
    expect(labelled(memory, BEFORE)).toEqual([]);
    expect(labelled(memory, MADE)).toEqual(['public.mails.mail']);
  });
});

it('labels that name nothing are found', () => {
  const nowhere = { ...EMAIL, column: 'mail' };
  expect(unmatchedLabels([EMAIL, nowhere], BEFORE)).toEqual([nowhere]);
  expect(unmatchedLabels([EMAIL], catalogOf())).toEqual([EMAIL]);
});
