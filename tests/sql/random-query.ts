/**
 * Random SELECTs over the schema of `masked-database.ts`: mostly well-typed enough to run, often not. Same seed, same query.
 */

type Random = () => number;

/** mulberry32 */
function createRandom(seed: number): Random {
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
  'extract(year from date $$2020-01-01$$ + (# % 100)::int)',
  'least(#, #)',
  'round(#::numeric / 1000)',
].map((each) => each.replace('% + #', '# + #'));
const CONDITIONS = [
  '% = %',
  '% < %',
  '% LIKE %',
  '% ILIKE $$%a%$$',
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

/** @param relations the only ones to read; all by default */
export function randomQuery(seed: number, relations: readonly string[] = Object.keys(RELATIONS)): string {
  return new Generator(createRandom(seed), relations).query(2, []);
}

class Generator {
  readonly #random: Random;
  readonly #relations: readonly string[];
  #aliases = 0;

  constructor(random: Random, relations: readonly string[]) {
    this.#random = random;
    this.#relations = relations;
  }

  query(depth: number, outer: readonly Scope[], targets?: string): string {
    const { text, scopes } = this.#from(depth, outer);
    const all = [...scopes, ...(this.#chance(0.4) ? outer : [])];
    const grouped = targets === undefined && this.#chance(0.25);
    const list = targets === undefined ? this.#targets(depth, all, grouped) : this.#fill(targets, depth, all);
    const where = this.#chance(0.6) ? ` WHERE ${this.#fill('?', depth, all)}` : '';
    const group = grouped ? ` GROUP BY ${this.#fill('%', 0, scopes)}` : '';
    const having =
      grouped && this.#chance(0.4)
        ? ` HAVING ${this.#pick(['count(*) > 1', 'max(id) > 5', 'count(*) % 2 = 0'])}`
        : '';
    const union =
      targets === undefined && depth > 0 && this.#chance(0.1)
        ? ` ${this.#pick(['UNION', 'EXCEPT ALL', 'INTERSECT'])} ${this.query(0, outer)}`
        : '';
    const order =
      targets === undefined && this.#chance(0.2) ? ` ORDER BY ${this.#pick(['1', '1 DESC', 'id'])}` : '';
    const distinct = this.#chance(0.1) ? 'DISTINCT ' : '';
    return `SELECT ${distinct}${list} FROM ${text}${where}${group}${having}${union}${order}`;
  }

  #targets(depth: number, scopes: readonly Scope[], grouped: boolean): string {
    if (!grouped && this.#chance(0.25))
      return this.#pick([
        '*',
        ...scopes.map(({ alias }) => `${alias}.*`),
        ...scopes.map(({ alias }) => alias),
      ]);
    const kinds = grouped
      ? AGGREGATES
      : [
          '%',
          '#',
          '?',
          '%',
          ...(this.#chance(0.2)
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
      this.#fill(this.#pick(kinds), depth, scopes),
    ).join(', ');
  }

  #from(depth: number, outer: readonly Scope[]): { text: string; scopes: Scope[] } {
    const first = this.#item(depth, outer, []);
    if (!this.#chance(0.35)) return { text: first.text, scopes: [first.scope] };
    const second = this.#item(depth - 1, outer, [first.scope]);
    const scopes = [first.scope, second.scope];
    const kind = this.#pick(['JOIN', 'LEFT JOIN', 'FULL JOIN', 'CROSS JOIN', 'USING', 'NATURAL JOIN', ',']);
    if (kind === ',') return { text: `${first.text}, ${second.text}`, scopes };
    if (kind === 'USING') return { text: `${first.text} JOIN ${second.text} USING (id)`, scopes };
    if (kind === 'CROSS JOIN' || kind === 'NATURAL JOIN')
      return { text: `${first.text} ${kind} ${second.text}`, scopes };
    return { text: `${first.text} ${kind} ${second.text} ON ${this.#fill('?', 0, scopes)}`, scopes };
  }

  #item(depth: number, outer: readonly Scope[], siblings: readonly Scope[]): { text: string; scope: Scope } {
    const alias = this.#chance(0.8) ? `x${++this.#aliases}` : undefined;
    if (depth > 0 && alias !== undefined && this.#chance(0.25)) {
      const lateral = this.#chance(0.4) ? 'LATERAL ' : '';
      const inner = this.query(depth - 1, lateral ? [...outer, ...siblings] : outer, '% AS t, # AS id');
      return {
        text: `${lateral}(${inner}) ${alias}`,
        scope: { alias, text: ['t'], number: ['id'], other: [] },
      };
    }
    const name = this.#pick(this.#relations);
    const only = this.#chance(0.1) ? 'ONLY ' : '';
    const columns = RELATIONS[name]!;
    if (alias === undefined) return { text: `${only}${name}`, scope: { alias: name, ...columns } };
    if (this.#chance(0.1))
      return { text: `${name} ${alias} (id)`, scope: { alias, ...columns, number: ['id'] } };
    return { text: `${only}${name} ${alias}`, scope: { alias, ...columns } };
  }

  /** Fills the places of a template: % text, # number, ? condition, ~ a row, @ a subquery. */
  #fill(template: string, depth: number, scopes: readonly Scope[]): string {
    return template.replaceAll(/@(1t|1|n|t)?|[%#?~]/g, (place) => {
      if (place === '%') return this.#operand(TEXTS, 'text', `'ualpha3@example.com'`, depth, scopes);
      if (place === '#') return this.#operand(NUMBERS, 'number', '52000', depth, scopes);
      if (place === '?') return `(${this.#fill(this.#pick(CONDITIONS), depth - 1, scopes)})`;
      if (place === '~') return this.#pick(scopes.map(({ alias }) => alias));
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
    if (depth > 0 && this.#chance(0.35)) return `(${this.#fill(this.#pick(templates), depth - 1, scopes)})`;
    if (this.#chance(0.12)) return constant;
    const scope = this.#pick(scopes);
    if (kind === 'text' && scope.other.length > 0 && this.#chance(0.15))
      return `${scope.alias}.${this.#pick(scope.other)}::text`;
    const column = this.#pick(scope[kind].length > 0 ? scope[kind] : ['id']);
    const cast = kind === 'text' && !scope.text.includes(column) ? '::text' : '';
    return this.#chance(0.25) ? `${column}${cast}` : `${scope.alias}.${column}${cast}`;
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }
}
