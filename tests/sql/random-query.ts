/**
 * Random SELECTs over the schema of `twin-schema.ts`: mostly well-typed enough to run, often not. Same numbers, same query;
 * smaller numbers, simpler queries.
 */

/** Numbers from 0 to below 1. */
export type Random = () => number;

/** mulberry32 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Relations with columns by kind. */
const RELATIONS: Readonly<Record<string, Readonly<Record<'text' | 'number' | 'other', readonly string[]>>>> =
  {
    customers: {
      text: ['email', 'ssn', 'card', 'name', 'plan', 'note'],
      number: ['id', 'salary', 'cap', 'exact'],
      other: ['born', 'tags', 'doc', 'created'],
    },
    orders: { text: ['note'], number: ['id', 'customer_id', 'total'], other: [] },
    customer_mails: { text: ['email'], number: ['id'], other: [] },
    derived: { text: ['s', 'plan', 'sub', 'drac'], number: ['id', 'd'], other: ['next_day', 'whole'] },
    writable: { text: ['note', 'mail'], number: ['id', 'cap'], other: [] },
    guarded: { text: ['ssn'], number: ['id'], other: [] },
    mail_copy: { text: ['email', 'plan'], number: ['id'], other: [] },
    united: { text: ['text'], number: ['id'], other: [] },
    plain: { text: ['note'], number: ['id', 'cap'], other: [] },
  };

/** Those of `MORE_SCHEMA`, and what tells by counting or by its order. */
const MORE_RELATIONS: typeof RELATIONS = {
  vault: { text: ['card', 'note'], number: ['id'], other: [] },
  staff: { text: ['team'], number: ['id', 'wage'], other: [] },
  births: { text: [], number: ['id'], other: ['born'] },
  payments: { text: ['iban', 'country'], number: ['id', 'customer_id', 'amount'], other: [] },
  derived_copy: { text: ['s', 'plan', 'drac'], number: ['id', 'd'], other: [] },
  over_copy: { text: ['email'], number: ['id', 'total'], other: [] },
};
const ALL_RELATIONS = { ...RELATIONS, ...MORE_RELATIONS };

interface Scope {
  readonly alias: string;
  readonly text: readonly string[];
  readonly number: readonly string[];
  readonly other: readonly string[];
}

const TEXTS = [
  'upper(%)',
  'reverse(%)',
  'left(%, 3)',
  'right(%, 2)',
  'md5(%)',
  '% || %',
  'coalesce(%, %)',
  'nullif(%, %)',
  'greatest(%, %)',
  'substr(%, 2, 3)',
  'replace(%, %, %)',
  'translate(%, $$0123$$, $$abcd$$)',
  'concat(%, %)',
  'split_part(%, $$@$$, 2)',
  'quote_literal(%)',
  'CASE WHEN % THEN % ELSE % END',
  'trim(both $$4$$ from %)',
  'overlay(% placing $$x$$ from 2)',
];
const NUMBERS = [
  'length(%)',
  '% + #',
  '# - #',
  '# * 2',
  'abs(#)',
  'ascii(%)',
  'strpos(%, %)',
  '# / nullif(#, 0)',
  '1 / (# - 3)',
  'mod(#::numeric, 7)',
  'CASE WHEN ? THEN # END',
  '#::numeric',
  '(%)::int',
  'hashtext(%)',
  'extract(year from date $$2020-01-01$$ + (# %% 100)::int)',
  'least(#, #)',
  'round(#::numeric / 1000)',
].map((each) => each.replace('% + #', '# + #'));
const CONDITIONS = [
  '% = %',
  '% < %',
  '% LIKE %',
  '% ILIKE $$%%a%%$$',
  '% ~ %',
  '# = #',
  '# < #',
  '# BETWEEN # AND #',
  '% IS NULL',
  '# IS NOT NULL',
  '% IN (%, %)',
  '# IN (1, 2, 3)',
  'NOT ?',
  '? AND ?',
  '? OR ?',
  '% IS DISTINCT FROM %',
  'starts_with(%, %)',
  '(#, %) < (#, %)',
  'EXISTS (@)',
  '# IN (@n)',
  '% IN (@t)',
  '# > (@1)',
  '% = (@1t)',
  '(% = %) IS TRUE',
];
const AGGREGATES = [
  'count(*)',
  'count(%)',
  'max(%)',
  'min(%)',
  'sum(#)',
  'avg(#)',
  'count(DISTINCT %)',
  'bool_or(?)',
  'string_agg(%, $$,$$ ORDER BY %)',
  'count(*) FILTER (WHERE ?)',
  'jsonb_agg(% ORDER BY %)',
  'percentile_disc(0.5) WITHIN GROUP (ORDER BY #)',
];

/** What the comparison with masked copies cannot have: choices among rows without a total order, and more functions. */
const WIDE = {
  text: [
    'initcap(%)',
    'lpad(%, 20, %)',
    'format($$%%s-%%s$$, %, %)',
    'regexp_replace(%, $$[0-9]+$$, $$n$$)',
    '(to_jsonb(~)->>$$id$$)',
    'JSON_VALUE(to_jsonb(~), $$$.note$$)',
    'encode(sha256(convert_to(%, $$UTF8$$)), $$hex$$)',
    'quote_nullable(%)',
    'array_to_string(ARRAY[%, %], $$+$$)',
    '(ARRAY[%, %])[1]',
    'xmlserialize(CONTENT xmlelement(NAME x, %) AS text)',
    '(~)::text',
    'concat_ws($$/$$, %, %, #)',
    'to_char(#::numeric, $$FM999999.00$$)',
    '(SELECT string_agg(u, $$.$$) FROM unnest(string_to_array(%, $$a$$)) u)',
    'COALESCE((SELECT v FROM (VALUES (%)) AS w (v) WHERE ?), %)',
  ],
  number: [
    'hashtext((~)::text)',
    'cardinality(string_to_array(%, $$a$$))',
    'width_bucket(#::numeric, 0, 100000, 10)',
    'greatest(#, #, 3)',
    'sqrt(abs(#::numeric))',
    'ln(nullif(abs(#::numeric), 0))',
    'regexp_count(%, $$[aeiou]$$)',
    'levenshtein(left(%, 9), left(%, 9))',
    'jsonb_array_length(jsonb_build_array(%, #))',
    '(% COLLATE "C" < %)::int',
    'num_nulls(%, #)',
    'abs(#)',
    '(# & 255)',
    'pg_column_size(%)',
    'bit_length(%)',
  ],
  condition: [
    '% SIMILAR TO $$%%(a|e)%%$$',
    '% BETWEEN % AND %',
    '# NOT BETWEEN SYMMETRIC # AND #',
    '% = ANY (ARRAY[%, %])',
    '# > ALL (@n)',
    '% = ANY (@t)',
    'ROW(%, #) IS NOT DISTINCT FROM ROW(%, #)',
    'to_jsonb(~) ? $$note$$',
    'to_jsonb(~) @> jsonb_build_object($$id$$, #)',
    '(~) IS NOT NULL',
    'NOT EXISTS (@)',
    '% ~* left(%, 2)',
    'to_tsvector($$simple$$, %) @@ to_tsquery($$simple$$, $$note$$)',
    '% <-> % < 0.5',
    '(% || %) IS NOT NULL',
    'JSON_EXISTS(to_jsonb(~), $$$.note$$)',
  ],
  aggregate: [
    'array_agg(% ORDER BY #, %)',
    'json_object_agg(%, # ORDER BY %, #)',
    'stddev(#)',
    'bit_xor(hashtext(%))',
    'every(?)',
    'mode() WITHIN GROUP (ORDER BY %)',
    'rank(5) WITHIN GROUP (ORDER BY #)',
    'regr_count(#::float8, #::float8)',
    'max(#) - min(#)',
    'xmlagg(xmlelement(NAME x, %) ORDER BY %)::text',
    'grouping(%)',
    'JSON_ARRAYAGG(% ORDER BY %)',
  ],
  window: [
    'rank() OVER (PARTITION BY % ORDER BY #)',
    'sum(#) OVER (ORDER BY #, id ROWS 2 PRECEDING)',
    'first_value(%) OVER (ORDER BY %, id)',
    'ntile(3) OVER (ORDER BY #)',
    'count(*) FILTER (WHERE ?) OVER (PARTITION BY #)',
    'lead(#, 2) OVER (ORDER BY %, #)',
  ],
} as const;

/** @param relations the only ones to read; all by default */
export function randomQuery(seed: number, relations: readonly string[] = Object.keys(RELATIONS)): string {
  return new Generator(createRandom(seed), relations).query(2, []);
}

/** Writes statements of a grammar by the numbers it gets. */
export class Generator {
  readonly #random: Random;
  readonly #relations: readonly string[];
  readonly #wide: boolean;
  #aliases = 0;

  constructor(random: Random, relations?: readonly string[], wide = false) {
    this.#random = random;
    this.#relations = relations ?? Object.keys(wide ? ALL_RELATIONS : RELATIONS);
    this.#wide = wide;
  }

  /** A whole query of the wide grammar: with CTEs, set operations, windows, limits. */
  anyQuery(depth: number): string {
    if (!this.chance(0.2)) return this.query(depth, []);
    const name = this.pick(['w', 'customers', 'orders']);
    const body = this.query(depth - 1, [], '% AS t, # AS id');
    const materialized = this.pick(['', 'MATERIALIZED ', 'NOT MATERIALIZED ']);
    const scope: Scope = { alias: name, text: ['t'], number: ['id'], other: [] };
    const target = this.pick(['*', 'count(*), max(t)', 't, id']);
    const where = this.chance(0.6) ? ` WHERE ${this.fill('?', depth - 1, [scope])}` : '';
    return `WITH ${name} AS ${materialized}(${body}) SELECT ${target} FROM ${name}${where}`;
  }

  /** Fills a template with columns of a relation by its own name, as the target of a write would have it. */
  over(relation: string, template: string, depth = 1): string {
    const columns = ALL_RELATIONS[relation] ?? { text: [], number: ['id'], other: [] };
    return this.fill(template, depth, [{ alias: relation, ...columns }]);
  }

  get #texts(): readonly string[] {
    return this.#wide ? [...TEXTS, ...WIDE.text] : TEXTS;
  }

  get #numbers(): readonly string[] {
    return this.#wide ? [...NUMBERS, ...WIDE.number] : NUMBERS;
  }

  get #conditions(): readonly string[] {
    return this.#wide ? [...CONDITIONS, ...WIDE.condition] : CONDITIONS;
  }

  query(depth: number, outer: readonly Scope[], targets?: string): string {
    const { text, scopes } = this.#from(depth, outer);
    const all = [...scopes, ...(this.chance(0.4) ? outer : [])];
    const grouped = targets === undefined && this.chance(0.25);
    const list = targets === undefined ? this.#targets(depth, all, grouped) : this.fill(targets, depth, all);
    const where = this.chance(0.6) ? ` WHERE ${this.fill('?', depth, all)}` : '';
    const sets =
      this.#wide && this.chance(0.3)
        ? this.pick(['ROLLUP (%, #)', 'CUBE (%, %)', 'GROUPING SETS ((%), (#), ())'])
        : '%';
    const group = grouped ? ` GROUP BY ${this.fill(sets, 0, scopes)}` : '';
    const having =
      grouped && this.chance(0.4)
        ? ` HAVING ${this.pick(['count(*) > 1', 'max(id) > 5', 'count(*) % 2 = 0'])}`
        : '';
    const union =
      targets === undefined && depth > 0 && this.chance(0.1)
        ? ` ${this.pick(['UNION', 'EXCEPT ALL', 'INTERSECT'])} ${this.query(0, outer)}`
        : '';
    const order =
      targets === undefined && this.chance(0.2) ? ` ORDER BY ${this.pick(['1', '1 DESC', 'id'])}` : '';
    const distinct = this.chance(0.1) ? 'DISTINCT ' : '';
    const limit =
      this.#wide && targets === undefined && this.chance(0.1)
        ? ` LIMIT ${this.pick(['3', '5 OFFSET 2', '1'])}`
        : '';
    const lock =
      this.#wide && targets === undefined && this.chance(0.04)
        ? this.pick([' FOR UPDATE', ' FOR SHARE SKIP LOCKED'])
        : '';
    return `SELECT ${distinct}${list} FROM ${text}${where}${group}${having}${union}${order}${limit}${lock}`;
  }

  #targets(depth: number, scopes: readonly Scope[], grouped: boolean): string {
    if (!grouped && this.chance(0.25))
      return this.pick([
        '*',
        ...scopes.map(({ alias }) => `${alias}.*`),
        ...scopes.map(({ alias }) => alias),
      ]);
    const kinds = grouped
      ? this.#wide
        ? [...AGGREGATES, ...WIDE.aggregate]
        : AGGREGATES
      : [
          ...(this.#wide && this.chance(0.15) ? WIDE.window : []),
          '%',
          '#',
          '?',
          '%',
          ...(this.chance(0.2)
            ? [
                'row_number() OVER (ORDER BY %, #)',
                'lag(%) OVER (ORDER BY id)',
                'ROW(%, #)',
                'to_jsonb(~)',
                'ARRAY[%, %]',
              ]
            : []),
        ];
    return Array.from({ length: 1 + Math.floor(this.#random() * 3) }, () =>
      this.fill(this.pick(kinds), depth, scopes),
    ).join(', ');
  }

  #from(depth: number, outer: readonly Scope[]): { text: string; scopes: Scope[] } {
    const first = this.#item(depth, outer, []);
    if (!this.chance(0.35)) return { text: first.text, scopes: [first.scope] };
    const second = this.#item(depth - 1, outer, [first.scope]);
    const scopes = [first.scope, second.scope];
    const kind = this.pick(['JOIN', 'LEFT JOIN', 'FULL JOIN', 'CROSS JOIN', 'USING', 'NATURAL JOIN', ',']);
    if (kind === ',') return { text: `${first.text}, ${second.text}`, scopes };
    if (kind === 'USING') return { text: `${first.text} JOIN ${second.text} USING (id)`, scopes };
    if (kind === 'CROSS JOIN' || kind === 'NATURAL JOIN')
      return { text: `${first.text} ${kind} ${second.text}`, scopes };
    return { text: `${first.text} ${kind} ${second.text} ON ${this.fill('?', 0, scopes)}`, scopes };
  }

  #item(depth: number, outer: readonly Scope[], siblings: readonly Scope[]): { text: string; scope: Scope } {
    const alias = this.chance(0.8) ? `x${++this.#aliases}` : undefined;
    if (depth > 0 && alias !== undefined && this.chance(0.25)) {
      const lateral = this.chance(0.4) ? 'LATERAL ' : '';
      const inner = this.query(depth - 1, lateral ? [...outer, ...siblings] : outer, '% AS t, # AS id');
      return {
        text: `${lateral}(${inner}) ${alias}`,
        scope: { alias, text: ['t'], number: ['id'], other: [] },
      };
    }
    const name = this.pick(this.#relations);
    const only = this.chance(0.1) ? 'ONLY ' : '';
    const columns = ALL_RELATIONS[name]!;
    if (alias === undefined) return { text: `${only}${name}`, scope: { alias: name, ...columns } };
    if (this.chance(0.1))
      return { text: `${name} ${alias} (id)`, scope: { alias, ...columns, number: ['id'] } };
    return { text: `${only}${name} ${alias}`, scope: { alias, ...columns } };
  }

  /** Fills the places of a template: % text, # number, ? condition, ~ a row, @ a subquery. */
  fill(template: string, depth: number, scopes: readonly Scope[]): string {
    return template.replaceAll(/%%|@(1t|1|n|t)?|[%#?~]/g, (place) => {
      if (place === '%%') return '%';
      if (place === '%') return this.#operand(this.#texts, 'text', `'ualpha3@example.com'`, depth, scopes);
      if (place === '#') return this.#operand(this.#numbers, 'number', '52000', depth, scopes);
      if (place === '?') return `(${this.fill(this.pick(this.#conditions), depth - 1, scopes)})`;
      if (place === '~') return this.pick(scopes.map(({ alias }) => alias));
      if (depth <= 0) return `SELECT ${place.endsWith('t') ? `'x'` : '1'}`;
      const targets: Readonly<Record<string, string>> = {
        '@n': '#',
        '@t': '%',
        '@1': 'max(#)',
        '@1t': 'min(%)',
        '@': '1',
      };
      return this.query(depth - 1, scopes, targets[place]);
    });
  }

  #operand(
    templates: readonly string[],
    kind: 'text' | 'number',
    constant: string,
    depth: number,
    scopes: readonly Scope[],
  ): string {
    if (depth > 0 && this.chance(0.35)) return `(${this.fill(this.pick(templates), depth - 1, scopes)})`;
    if (this.chance(0.12)) return constant;
    const scope = this.pick(scopes);
    if (kind === 'text' && scope.other.length > 0 && this.chance(0.15))
      return `${scope.alias}.${this.pick(scope.other)}::text`;
    const column = this.pick(scope[kind].length > 0 ? scope[kind] : ['id']);
    const cast = kind === 'text' && !scope.text.includes(column) ? '::text' : '';
    return this.chance(0.25) ? `${column}${cast}` : `${scope.alias}.${column}${cast}`;
  }

  chance(probability: number): boolean {
    return this.#random() >= 1 - probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }
}
