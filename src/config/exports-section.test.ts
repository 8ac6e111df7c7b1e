import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../../tests/support/certificates.ts';
import { checkConfig, loadConfig, SYSTEM_DEPS } from './load-config.ts';

const DATABASE = 'databases: { shop: { engine: postgres, environment: prod, host: db, user: u } }\n';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  writeFileSync(join(directory, 'ca.pem'), createAuthority('test').cert);
});
afterEach(() => rmSync(directory, { recursive: true }));

const deps = { ...SYSTEM_DEPS, env: { KEY: 'k'.repeat(32), PASSWORD: 'hunter2' } };
function file(text: string): string {
  const path = join(directory, 'sluice.yaml');
  writeFileSync(path, `version: 1\n${DATABASE}${text}`);
  return path;
}
const load = (text: string) => loadConfig(file(text), deps);
const problems = (text: string) => checkConfig(file(text), deps).problems.map(({ message }) => message);

describe('exports', () => {
  it('have what they need filled in', () => {
    const { exports } = load(`exports:
  - { name: a, file: { path: out.jsonl } }
  - { name: b, format: ocsf, from: now, kinds: [statement], syslog: { host: siem, ca: ca.pem } }
  - { name: c, decisions: [deny], databases: [shop], webhook: { url: 'https://x.example/', secret: { env: KEY } } }
  - { name: d, otlp: { url: 'http://127.0.0.1:4318/v1/logs', headers: { authorization: { env: KEY } } } }
  - { name: e, kafka: { brokers: ['k:9092'], topic: t, tls: {}, sasl: { mechanism: PLAIN, username: u, password: { env: PASSWORD } } } }
  - { name: f, storage: { endpoint: 'https://s3.example', bucket: audit, accessKeyId: A, secretAccessKey: { env: KEY }, every: 5m } }
`);
    expect(exports).toMatchObject([
      {
        ...{ name: 'a', format: 'sluice', from: 'beginning' },
        sink: { kind: 'file', path: join(directory, 'out.jsonl'), keep: 10 },
      },
      {
        format: 'ocsf',
        from: 'now',
        kinds: ['statement'],
        sink: { kind: 'syslog', port: 6514, tls: { ca: expect.any(String) } },
      },
      { decisions: ['deny'], databases: ['shop'], sink: { kind: 'webhook', timeoutMs: 10_000 } },
      { sink: { kind: 'otlp', encoding: 'protobuf' } },
      { sink: { kind: 'kafka', tls: {}, sasl: { mechanism: 'PLAIN', username: 'u' } } },
      { sink: { kind: 'storage', everyMs: 300_000, storage: { region: 'us-east-1' } } },
    ]);
    expect(JSON.stringify(exports)).not.toMatch(/hunter2|kkkk/);
  });

  it.each([
    ['{ name: a }', 'the export has no destination'],
    ['{ name: a, file: { path: x }, syslog: { host: h } }', 'the export has 2 destinations'],
    ['{ name: a, databases: [none], file: { path: x } }', 'there is no database none'],
    ["{ name: a, otlp: { url: 'http://otel.example/v1/logs' } }", 'url would send in clear'],
    [
      "{ name: a, webhook: { url: 'https://x.example', secret: { env: PASSWORD } } }",
      'the secret is not a key of 24 bytes or more',
    ],
    ['{ name: a, syslog: { host: h, cert: ca.pem } }', 'cert is given without key'],
    ['{ name: a, syslog: { host: h, timeout: 1h } }', expect.stringMatching(/timeout/)],
    ['{ name: a, kafka: { brokers: [k], topic: t } }', expect.anything()],
    ['{ name: a, file: { path: x } }\n  - { name: a, file: { path: y } }', 'two exports are called a'],
  ])('refuse %s', (entry, message) => {
    expect(problems(`exports:\n  - ${entry}\n`)).toEqual([message]);
  });
});

describe('retention', () => {
  it('has rules with a least time, in their order', () => {
    const { ledger } = load(
      'ledger: { retention: { every: 0s, rules: [{ keep: 90d, databases: [shop] }, { keep: 400d, kinds: [statement] }] } }\n',
    );
    expect(ledger.retention).toEqual({
      rules: [
        { keepMs: 90 * 86_400_000, databases: ['shop'] },
        { keepMs: 400 * 86_400_000, kinds: ['statement'] },
      ],
      everyMs: 0,
    });
  });

  it('names a database that is not there, which may be one of the past, and refuses no time at all', () => {
    expect(problems('ledger: { retention: { rules: [{ keep: 90d, databases: [gone] }] } }\n')).toEqual([
      'there is no database gone',
    ]);
    expect(problems('ledger: { retention: { rules: [{ keep: 1m }] } }\n')).toHaveLength(1);
    expect(problems('ledger: { retention: { rules: [{ kinds: [statement] }] } }\n')).toHaveLength(1);
  });
});
