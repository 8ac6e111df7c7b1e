/** Exports to what people run: rsyslog over TLS, a Kafka broker, object storage, OpenTelemetry's own definitions, OCSF's own schema. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { AwsClient } from 'aws4fetch';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ExportConfig, ExportSink } from '../../src/config/config.ts';
import { Secret } from '../../src/config/secret.ts';
import type { ExportStatus } from '../../src/exports/export-runner.ts';
import { Exporter } from '../../src/exports/exporter.ts';
import { OCSF_VERSION } from '../../src/exports/ocsf-format.ts';
import { createAuthority } from '../support/certificates.ts';
import { type ExportedLedger, makeExportedLedger, opened, VARIETY } from '../support/exported-ledger.ts';
import { folderOf, problemWith, toolchain } from './toolchains.ts';

const PATIENCE = { timeout: 60_000, interval: 100 };
/** With the entry that opens the lane. */
const COUNT = VARIETY.length + 1;

let ledger: ExportedLedger;
let exporter: Exporter | undefined;
let statuses: readonly ExportStatus[];
const ending: (() => unknown)[] = [];

beforeEach(async () => {
  ledger = makeExportedLedger();
  await ledger.add(...VARIETY);
});
afterEach(async () => {
  await exporter?.close();
  exporter = undefined;
  for (const end of ending.splice(0)) await end();
  ledger.remove();
});

async function exportTo(sink: ExportSink, more: Partial<ExportConfig> = {}): Promise<void> {
  exporter = await Exporter.open({
    ...{ dataDir: ledger.dataDir, version: '1.2.3', timing: { pollMs: 20, firstDelayMs: 50 } },
    exports: [{ ...{ name: 'test', format: 'sluice', from: 'beginning' }, ...more, sink }],
    onStatus: (told) => {
      statuses = told;
    },
  });
  exporter.start();
}

/** Skips loudly on a laptop, fails in CI. */
function skipUnless(name: string, problem: string | undefined): boolean {
  if (problem !== undefined && process.env.CI !== undefined) throw new Error(problem);
  if (problem !== undefined) console.warn(`\n*** SKIPPED ${name}: ${problem} ***\n`);
  return problem !== undefined;
}

const withPython = skipUnless('OCSF, OTLP', problemWith(toolchain('exports')));
const withStorage = skipUnless('object storage', problemWith(toolchain('storage')));
const withCollector = skipUnless('OpenTelemetry Collector', problemWith(toolchain('collector')));
const withKafka = skipUnless('Kafka', problemWith(toolchain('kafka')));
const rsyslog = spawnSync('which', ['rsyslogd']).status === 0;
const withSyslog = skipUnless(
  'rsyslog',
  rsyslog ? undefined : 'rsyslogd is not installed: apt-get install rsyslog rsyslog-openssl',
);

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

function start(command: string, args: readonly string[], stdio: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
  const child = spawn(command, args, { stdio: [stdio, stdio, 'ignore'] });
  ending.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

function python(program: string, args: readonly string[], input?: Buffer): unknown {
  const folder = folderOf('exports');
  const run = spawnSync(join(folder, 'venv/bin/python'), [join(folder, program), ...args], {
    ...{ encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    ...(input && { input }),
  });
  expect(run.stderr).toBe('');
  return JSON.parse(run.stdout);
}

test.skipIf(withPython)(
  'events of OCSF are what its schema says, whatever the entry',
  { timeout: 120_000 },
  async () => {
    const path = join(ledger.dataDir, 'out.jsonl');
    await ledger.add(
      opened('S9', { principalKind: 'Human', onBehalfOf: [], client: '[::1]:77', application: '' } as never),
    );
    await exportTo({ kind: 'file', path, maxBytes: 1e9, keep: 1 }, { format: 'ocsf' });
    await vi.waitFor(() => expect(statuses).toMatchObject([{ sent: COUNT + 1 }]), PATIENCE);
    const classes = ['datastore_activity:security_control', 'api_activity', 'authentication'];
    const schemas = python('ocsf_schema.py', [OCSF_VERSION, ...classes]) as Record<string, object>;
    const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
    const validators: Record<number, ReturnType<typeof ajv.compile>> = {
      6005: ajv.compile(schemas.datastore_activity ?? {}),
      6003: ajv.compile(schemas.api_activity ?? {}),
      3002: ajv.compile(schemas.authentication ?? {}),
    };
    const events = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const event of events) {
      const validate = validators[event.class_uid as number];
      expect(validate?.(event), `${event.metadata.event_code}: ${JSON.stringify(validate?.errors)}`).toBe(
        true,
      );
      const { time: _, ...without } = event;
      expect(validate?.(without)).toBe(false);
    }
    expect(new Set(events.map(({ class_uid }) => class_uid))).toEqual(new Set([6005, 6003, 3002]));
  },
);

test.skipIf(withPython)(
  'a request of OTLP is read by the official definitions of protobuf',
  { timeout: 120_000 },
  async () => {
    const bodies: Buffer[] = [];
    const server = createHttpServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      if (request.headers['content-type'] === 'application/x-protobuf') bodies.push(Buffer.concat(chunks));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    }).listen(0, '127.0.0.1');
    ending.push(() => server.close());
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`;
    await exportTo({ kind: 'otlp', url, encoding: 'protobuf', headers: new Map(), timeoutMs: 10_000 });
    await vi.waitFor(() => expect(statuses).toMatchObject([{ sent: COUNT, lag: 0 }]), PATIENCE);
    const requests = bodies.map((body) => python('otlp_decode.py', [], body)) as {
      resourceLogs: {
        resource: object;
        scopeLogs: { logRecords: { eventName: string; body: object; attributes: object[] }[] }[];
      }[];
    }[];
    const records = requests.flatMap(({ resourceLogs }) =>
      resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
    );
    expect(records).toHaveLength(COUNT);
    const statement = records.find(({ eventName }) => eventName === 'sluice.statement');
    expect(statement?.attributes).toContainEqual({ key: 'user.id', value: { stringValue: 'report-bot' } });
    expect(JSON.stringify(statement?.body)).toContain('SELECT email FROM customers WHERE id = 1');
  },
);

test.skipIf(withCollector)(
  'an OpenTelemetry Collector takes every entry, in protobuf and in JSON, also if it comes later',
  { timeout: 120_000 },
  async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const config = join(ledger.dataDir, 'collector.yaml');
    writeFileSync(
      config,
      `receivers: { otlp: { protocols: { http: { endpoint: "${address}" } } } }
exporters: { debug: { verbosity: detailed, use_internal_logger: false } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [debug] } }
`,
    );
    const otlp = {
      kind: 'otlp',
      url: `http://${address}/v1/logs`,
      headers: new Map(),
      timeoutMs: 10_000,
    } as const;
    await exportTo({ ...otlp, encoding: 'protobuf' });
    await vi.waitFor(() => expect(statuses).toMatchObject([{ failure: expect.any(String) }]), PATIENCE);
    const program = join(folderOf('collector'), 'bin/collector');
    const collector = start(program, ['--config', `file:${config}`], 'pipe');
    let told = '';
    collector.stdout?.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    const count = (what: RegExp) => told.match(what)?.length ?? 0;
    await vi.waitFor(() => expect(count(/^LogRecord #/gm)).toBe(COUNT), PATIENCE);
    await exporter?.close();
    await exportTo({ ...otlp, encoding: 'json' }, { name: 'again' });
    await vi.waitFor(() => expect(count(/^LogRecord #/gm)).toBe(2 * COUNT), PATIENCE);
    const [statement, ...rest] = told
      .split(/^LogRecord #/m)
      .filter((one) => one.includes('EventName: sluice.statement'));
    expect(rest).not.toEqual([]);
    expect(statement).toContain('user.id: Str(report-bot)');
    expect(statement).toContain('SELECT email FROM customers WHERE id = 1');
    expect(told).toContain('service.name: Str(sluice)');
  },
);

test.skipIf(withSyslog)(
  'rsyslog gets every entry over TLS, also over its own restart',
  { timeout: 180_000 },
  async () => {
    const authority = createAuthority('syslog');
    const own = authority.issue({ subject: { CN: '127.0.0.1' }, hosts: ['127.0.0.1'] });
    const shown = authority.issue({ subject: { CN: 'sluice' }, hosts: ['sluice'] });
    const directory = ledger.dataDir;
    const file = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text, { mode: 0o600 });
      return join(directory, name);
    };
    const port = await freePort();
    const out = join(directory, 'received.log');
    mkdirSync(join(directory, 'work'));
    const config = file(
      'rsyslog.conf',
      `global(workDirectory="${directory}/work" maxMessageSize="1m" defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="${file('ca.pem', authority.cert)}"
  defaultNetstreamDriverCertFile="${file('cert.pem', own.cert)}" defaultNetstreamDriverKeyFile="${file('key.pem', own.key)}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid" maxSessions="5")
template(name="parts" type="string" string="%pri% %app-name% %msgid% %msg%\\n")
input(type="imtcp" address="127.0.0.1" port="${port}")
action(type="omfile" file="${out}" template="parts")
`,
    );
    const receiver = () => start('rsyslogd', ['-n', '-f', config, '-i', join(directory, 'rsyslog.pid')]);
    const first = receiver();
    const keyPair = { cert: shown.cert, key: new Secret(shown.key) };
    await exportTo({
      ...{ kind: 'syslog', host: '127.0.0.1', port, appName: 'sluice', timeoutMs: 5000 },
      tls: { ca: authority.cert, keyPair },
    });
    const lines = () => (existsSync(out) ? readFileSync(out, 'utf8').trimEnd().split('\n') : []);
    const seqs = () => new Set(lines().map((line) => JSON.parse(line.slice(line.indexOf('{'))).seq));
    await vi.waitFor(() => expect(seqs().size).toBe(COUNT), PATIENCE);
    expect(lines().find((line) => line.includes('"decision":"deny"'))).toMatch(
      /^108 sluice statement \s*\u{feff}?\{"seq":/u,
    );
    first.kill('SIGKILL');
    await once(first, 'exit');
    await ledger.add(opened('S2'), opened('S3'));
    await vi.waitFor(() => expect(statuses[0]?.failure).toBeDefined(), PATIENCE);
    receiver();
    await vi.waitFor(() => expect(seqs().size).toBe(COUNT + 2), PATIENCE);
    await vi.waitFor(() => expect(statuses).toMatchObject([{ lag: 0 }]), PATIENCE);
  },
);

interface Message {
  readonly key: string;
  readonly value: string;
  readonly partition: string;
  readonly kind: string;
}

const SERVER = 'org.apache.kafka.common.security.scram.ScramLoginModule';

/** A broker in KRaft mode: one listener for anybody, one for who logs in by SCRAM. */
async function broker(): Promise<{ open: string; safe: string; consume: (topic: string) => Message[] }> {
  const [port, safePort, controllerPort] = [await freePort(), await freePort(), await freePort()];
  const directory = join(ledger.dataDir, 'kafka');
  const properties = join(ledger.dataDir, 'kafka.properties');
  const classes = ['-Xmx256m', '-cp', join(folderOf('kafka'), 'lib/*')];
  writeFileSync(
    properties,
    `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},SAFE://127.0.0.1:${safePort},CONTROLLER://127.0.0.1:${controllerPort}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SAFE:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.safe.scram-sha-256.sasl.jaas.config=${SERVER} required;
log.dirs=${directory}
num.partitions=3
offsets.topic.replication.factor=1
auto.create.topics.enable=false
`,
  );
  const tool = (main: string, ...args: string[]) =>
    spawnSync('java', [...classes, main, ...args], { encoding: 'utf8' });
  const formatted = tool(
    ...(['kafka.tools.StorageTool', 'format', '--standalone', '-c', properties] as const),
    ...['-t', 'MkU3OEVBNTcwNTJENDM2Qg', '--add-scram', 'SCRAM-SHA-256=[name=sluice,password=secret]'],
  );
  expect(formatted.status, formatted.stderr).toBe(0);
  start('java', [...classes, 'kafka.Kafka', properties]);
  const open = `127.0.0.1:${port}`;
  await vi.waitFor(() => {
    const made = tool(
      ...(['org.apache.kafka.tools.TopicCommand', '--bootstrap-server', open] as const),
      ...['--create', '--if-not-exists', '--topic', 'audit', '--partitions', '3'],
    );
    expect(made.status, made.stderr).toBe(0);
  }, PATIENCE);
  return {
    open,
    safe: `127.0.0.1:${safePort}`,
    consume: (topic) => {
      const messages: Message[] = [];
      const consumer = start(
        'java',
        [
          ...[
            ...classes,
            'org.apache.kafka.tools.consumer.ConsoleConsumer',
            '--bootstrap-server',
            open,
            '--topic',
            topic,
          ],
          ...['--from-beginning', '--property', 'print.key=true', '--property', 'print.partition=true'],
          ...['--property', 'print.headers=true'],
        ],
        'pipe',
      );
      createInterface({ input: consumer.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const [partition = '', headers = '', key = '', value = ''] = line.split('\t');
        messages.push({ partition, kind: headers.replace('sluice-kind:', ''), key, value });
      });
      return messages;
    },
  };
}

test.skipIf(withKafka)(
  'Kafka gets every entry, a session in its order; a wrong password keeps the place',
  { timeout: 300_000 },
  async () => {
    const { open, safe, consume } = await broker();
    const kafka = { kind: 'kafka', topic: 'audit', timeoutMs: 10_000 } as const;
    const sasl = { mechanism: 'SCRAM-SHA-256', username: 'sluice' } as const;
    await exportTo({ ...kafka, brokers: [safe], sasl: { ...sasl, password: new Secret('wrong-one') } });
    await vi.waitFor(
      () => expect(statuses).toMatchObject([{ next: 0, failure: expect.any(String) }]),
      PATIENCE,
    );
    expect(statuses[0]?.failure).not.toContain('wrong-one');
    await exporter?.close();
    await exportTo({ ...kafka, brokers: [open], topic: 'not-there' });
    await vi.waitFor(
      () => expect(statuses).toMatchObject([{ next: 0, failure: expect.any(String) }]),
      PATIENCE,
    );
    await exporter?.close();

    await exportTo({ ...kafka, brokers: [safe], sasl: { ...sasl, password: new Secret('secret') } });
    await vi.waitFor(() => expect(statuses).toMatchObject([{ sent: COUNT, lag: 0 }]), PATIENCE);
    await exporter?.close();
    await ledger.add(opened('S2'));
    await exportTo({ ...kafka, brokers: [open] });
    const messages = consume('audit');
    await vi.waitFor(() => expect(messages).toHaveLength(COUNT + 1), PATIENCE);
    const session = messages.filter(({ key }) => key === 'S1');
    expect(new Set(session.map(({ partition }) => partition)).size).toBe(1);
    const seqs = session.map(({ value }) => JSON.parse(value).seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(session[0]?.kind).toBe('session-opened');
  },
);

test.skipIf(withStorage)(
  'object storage gets objects that a restart replaces by the same',
  { timeout: 120_000 },
  async () => {
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    start(join(folderOf('storage'), 'venv/bin/moto_server'), ['-H', '127.0.0.1', '-p', String(port)]);
    const keys = { accessKeyId: 'test', secretAccessKey: 'secret', region: 'us-east-1' };
    const client = new AwsClient({ ...keys, service: 's3' });
    await vi.waitFor(async () => expect((await fetch(endpoint)).status).toBeLessThan(500), PATIENCE);
    expect((await client.fetch(`${endpoint}/audit`, { method: 'PUT' })).status).toBe(200);
    await exportTo({
      ...{ kind: 'storage', everyMs: 1000 },
      storage: {
        ...keys,
        endpoint,
        bucket: 'audit',
        prefix: 'ledger/',
        secretAccessKey: new Secret('secret'),
      },
    });
    await vi.waitFor(() => expect(statuses).toMatchObject([{ sent: COUNT, lag: 0 }]), PATIENCE);
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const answer = await client.fetch(`${endpoint}/audit/ledger/${day}/${'0'.repeat(16)}.jsonl.gz`);
    const lines = gunzipSync(Buffer.from(await answer.arrayBuffer()))
      .toString('utf8')
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => JSON.parse(line).seq)[0]).toBe(0);
  },
);
