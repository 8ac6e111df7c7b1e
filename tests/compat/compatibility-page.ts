/**
 * `docs/compatibility.md`: which clients and servers the gate was run with, and how it went. What was exercised comes from the
 * transcripts and versions from the lock files; results come from a run alone, which writes the page when it was a whole one.
 */
import { existsSync, readFileSync } from 'node:fs';
import { REAL_CLIENTS, transcriptFile, versionOf } from './real-clients.ts';
import { serverVersions } from './server-versions.ts';

/** How a test ended; `missing` if it did not run. */
export type Outcome = 'passed' | 'failed' | 'missing';

/** Outcome of a test by its file's name and its full name, `describe > test`. */
export type Outcomes = (file: string, name: RegExp) => Outcome;

const WORK = 'does its work as on the database itself';
const REFLECT = 'reads the structure under masks';

/** Clients that come with the operating system; their tests have files of their own. */
const SYSTEM_CLIENTS = [
  {
    name: 'psql',
    file: 'psql.test.ts',
    exercised:
      'descriptions, COPY in both directions, Ctrl-C, approvals, FETCH_COUNT, \\gexec, errors and hints',
  },
  {
    name: 'pgbench',
    file: 'pgbench.test.ts',
    exercised: 'its three scripts as simple, extended and prepared statements',
  },
] as const;

/** Columns of the servers' table, and the tests behind them. */
const SERVER_CHECKS: Readonly<Record<string, string>> = {
  'psql \\d…, masked': 'psql describes everything under masks',
  pgbench: 'pgbench runs in every mode',
  'node-postgres': `node-postgres ${WORK}`,
  'Django inspectdb, masked': `Django.*${REFLECT}`,
  'pgjdbc metadata, masked': `pgjdbc.*${REFLECT}`,
  'masked SELECT': 'a SELECT yields masked values',
  guardrails: 'guardrails refuse and hold',
  'write at once': 'a bounded write runs at once',
};

/** The page. Throws nothing; what did not run says so. */
export function compatibilityPage(outcomes: Outcomes): string {
  const own = serverVersions().at(-1)?.version ?? '';
  const system = SYSTEM_CLIENTS.map(({ name, file, exercised }) =>
    row(name, 'of the system', exercised, own, outcomes(file, /./), '·'),
  );
  const real = REAL_CLIENTS.map((client) => {
    const version = versionOf(client);
    const test = (name: string): Outcome =>
      outcomes('real-clients.test.ts', new RegExp(`^${literal(`${client.name} ${version}`)} .*${name}$`));
    return row(client.name, version, sectionsOf(transcriptFile(client)), own, test(WORK), test(REFLECT));
  });
  const servers = serverVersions().map(({ version }) =>
    row(
      version,
      ...Object.values(SERVER_CHECKS).map((name) =>
        outcomes('server-versions.test.ts', new RegExp(`^PostgreSQL ${literal(version)} .*${name}`)),
      ),
    ),
  );
  return `# Compatibility

<!-- Written by npm run compat, when all of it ran. -->

Every client below does its work twice, straight to the database and through a gateway process over TLS, and what comes back must be equal, to the
letter; it must also equal the transcript in \`tests/compat/clients/transcripts/\`. Then each reads the structure of a database in which they see masks
(an ORM's reflection, \`inspectdb\`, \`db pull\`, \`DatabaseMetaData\`): all of it must look as it does without the gate, and the rows must be masked.
How clients are installed and run: [tests/compat](../tests/compat/README.md). What a client may notice: [transparency](transparency.md).

## Clients

| client | version | what is exercised | PostgreSQL | equal to direct | structure under masks |
|---|---|---|---|---|---|
${[...system, ...real].join('\n')}

## Servers

Each with the clients named, as the account of an operator who sees masks where it says so.

${row('PostgreSQL', ...Object.keys(SERVER_CHECKS))}
|${'---|'.repeat(Object.keys(SERVER_CHECKS).length + 1)}
${servers.join('\n')}

## Known limits

- \`\\dconfig\` of psql reads settings by computed names, which could be secret ones: refused to those who see masks.
- Prisma is run in the last release whose schema engine works as WebAssembly; later ones download a binary, which CI does not.
`;
}

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The sections of a transcript are what was exercised. */
function sectionsOf(file: string): string {
  if (!existsSync(file)) return 'no transcript yet';
  const sections = [...readFileSync(file, 'utf8').matchAll(/^## (.+)$/gm)].map(([, name]) => name!.trim());
  return [...new Set(sections.map((name) => name.replace(/, undone$/, '')))].join('; ');
}
