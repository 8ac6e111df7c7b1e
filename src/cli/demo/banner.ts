/** What the demo says once it runs: what is where, who one can be, what to try. Pure. */
import type { Paint } from '../terminal.ts';

/** Where the pieces of a running demo are. Addresses are `host:port`. */
export interface DemoPlace {
  readonly gate: string;
  readonly http: string;
  readonly database: string;
  readonly directory: string;
  readonly configFile: string;
  readonly ledgerDir: string;
  /** The passwords of alice, bob and report-bot. */
  readonly tokens: { readonly alice: string; readonly bob: string; readonly bot: string };
}

const TRY: readonly (readonly [who: string, statement: string, what: string])[] = [
  ['alice', 'SELECT full_name, email, phone FROM customers LIMIT 5', 'real values'],
  ['bob', 'SELECT full_name, email, phone FROM customers LIMIT 5', 'the same rows, masked'],
  ['bob', 'DELETE FROM support_tickets', 'waits: no WHERE clause, in production'],
  ['report-bot', "SELECT count(*) FROM customers WHERE email LIKE 'maja.%'", '0: guesses meet masks only'],
  ['report-bot', 'DROP TABLE payments', 'refused, with a hint'],
  ['report-bot', "UPDATE orders SET status = 'on hold' WHERE id = 7", 'waits for Alice'],
];

/** The lines to print; the short form, for a tour, leaves out what to try. */
export function bannerLines(place: DemoPlace, paint: Paint, short = false): string[] {
  const head = (text: string): string => paint('bold', text);
  const urls = [
    ['alice', 'human, dba', place.tokens.alice],
    ['bob', 'human, support', place.tokens.bob],
    ['report-bot', 'AI agent, for bob', place.tokens.bot],
  ].map(([name = '', what = '', token = '']) => {
    const url = `postgres://${name}:${token}@${place.gate}/shop`;
    return `  ${paint('cyan', name.padEnd(11))}${what.padEnd(19)}psql "${url}"`;
  });
  return [
    '',
    head('Sluice demo: PostgreSQL 18 with a small shop, and the gate in front of it'),
    '',
    `  gate        ${place.gate}          HTTP API   http://${place.http}`,
    `  PostgreSQL  ${place.database}         only the gate has its password`,
    `  files       ${place.directory}: sluice.yaml, data/ledger, gateway.log`,
    '',
    head('Be one of them') + paint('dim', '    database shop is production; scratch is for development'),
    ...urls,
    ...(short ? [''] : tryLines(place, paint)),
  ];
}

function tryLines(place: DemoPlace, paint: Paint): string[] {
  const head = (text: string): string => paint('bold', text);
  const statementChars = Math.max(...TRY.map(([, statement]) => statement.length)) + 1;
  return [
    '',
    head('Try'),
    ...TRY.map(
      ([who, statement, what]) =>
        `  ${paint('cyan', who.padEnd(11))}${`${statement};`.padEnd(statementChars + 2)}${paint('dim', `-- ${what}`)}`,
    ),
    paint('dim', '  No psql? Any PostgreSQL client takes these URLs; `npm run demo -- --tour` needs none.'),
    '',
    head('Answer what waits, as Alice, in another terminal'),
    `  export SLUICE_CONFIG=${place.configFile}`,
    `  export SLUICE_TOKEN=${place.tokens.alice}`,
    '  npm run -s sluice -- approvals list',
    '  npm run -s sluice -- approvals approve apr_…',
    '',
    head('Look at the record'),
    '  npm run -s sluice -- ledger show',
    '  npm run -s sluice -- ledger verify',
    '',
    paint('dim', 'Ctrl-C ends everything and removes it.'),
  ];
}
