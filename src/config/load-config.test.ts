import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ConfigDeps } from './config-reading.ts';
import { formatProblem } from './config-source.ts';
import { checkConfig, loadConfig } from './load-config.ts';

const FILE = '/etc/sluice/sluice.yaml';
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const KEY = '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n';

/** A file system and environment of its own. */
function world(
  yaml: string,
  files: Record<string, string> = {},
  modes: Record<string, number> = {},
): ConfigDeps {
  const all: Record<string, string> = { [FILE]: yaml, ...files };
  return {
    env: { SHOP_PASSWORD: 'opensesame', EMPTY: '' },
    readFile: (path) => {
      const text = all[path];
      if (text === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' });
      return text;
    },
    fileMode: (path) => modes[path] ?? 0o100600,
  };
}

const problemsOf = (yaml: string, ...rest: [Record<string, string>?, Record<string, number>?]) =>
  checkConfig(FILE, world(yaml, ...rest)).problems.map((problem) =>
    `${problem.severity} ${formatProblem(problem)}`.replace(`${FILE}:`, ''),
  );

const SHOP = `version: 1
databases:
  shop:
    engine: postgres
    environment: prod
    host: localhost
    user: gate
`;

describe('a complete file', () => {
  const config = loadConfig(
    FILE,
    world(
      `version: 1
dataDir: ./data
listen:
  postgres: { host: 0.0.0.0, port: 0, tls: { mode: require, cert: tls/a.crt, key: tls/a.key } }
  http: { port: 9000 }
  adminSocket: /run/sluice.sock
groups: [dba, agents]
principals:
  alice: { kind: human, groups: [dba], displayName: Alice }
  report-bot: { kind: agent, groups: [agents], mayActFor: [alice] }
  billing: { kind: service }
databases:
  shop:
    engine: postgres
    environment: prod
    host: db.internal
    port: 5433
    database: shop_production
    user: gate
    password: { file: shop.password }
    tls: { mode: verify-ca, ca: /ca.pem }
    labels:
      public.customers: { email: email, phone: phone }
      sales.cards: { number: card_number }
    masks: { email: partial(1) }
policies: { defaults: false, files: [./policies/*.cedar, /opt/extra.cedar] }
approvals: { groups: [dba], quorum: 2, expires: 90m, holdMode: fail }
tokens: { defaultTtl: 10m, maxTtl: 8h, maxActivePerPrincipal: 4, scramIterations: 1 }
limits: { maxConnections: 5, startupTimeout: 500ms, maxStatementBytes: 64KiB, maxMessageBytes: 131072 }
`,
      {
        '/etc/sluice/tls/a.crt': PEM,
        '/etc/sluice/tls/a.key': KEY,
        '/etc/sluice/shop.password': 'from a file\n',
        '/ca.pem': PEM,
      },
    ),
  );

  it('resolves paths from the directory of the file', () => {
    expect(config.dataDir).toBe('/etc/sluice/data');
    expect(config.policies).toEqual({
      defaults: false,
      files: ['/etc/sluice/policies/*.cedar', '/opt/extra.cedar'],
    });
    expect(config.listen.adminSocket).toBe('/run/sluice.sock');
  });

  it('reads principals with their kinds, groups and whom they may act for', () => {
    expect([...config.principals.values()]).toEqual([
      { id: 'alice', kind: 'Human', displayName: 'Alice', groups: ['dba'], mayActFor: [] },
      { id: 'report-bot', kind: 'Agent', groups: ['agents'], mayActFor: ['alice'] },
      { id: 'billing', kind: 'Service', groups: [], mayActFor: [] },
    ]);
  });

  it('reads databases with upstream, labels and raw masks', () => {
    const shop = config.databases.get('shop')!;
    expect(shop).toMatchObject({ name: 'shop', environment: 'prod', engine: 'postgres' });
    expect(shop.upstream).toMatchObject({
      hosts: [{ host: 'db.internal', port: 5433 }],
      database: 'shop_production',
      user: 'gate',
      tls: { mode: 'verify-ca', ca: PEM },
    });
    expect(shop.upstream.password?.reveal()).toBe('from a file');
    expect(shop.labels).toEqual([
      { relation: 'public.customers', column: 'email', label: 'email' },
      { relation: 'public.customers', column: 'phone', label: 'phone' },
      { relation: 'sales.cards', column: 'number', label: 'card_number' },
    ]);
    expect(shop.masks).toEqual({ email: 'partial(1)' });
  });

  it('reads durations and sizes into units and keeps defaults for the rest', () => {
    expect(config.approvals).toMatchObject({
      groups: ['dba'],
      quorum: 2,
      expiresMs: 5_400_000,
      holdMode: 'fail',
    });
    expect(config.tokens).toEqual({
      ...{ defaultTtlMs: 600_000, maxTtlMs: 28_800_000, maxActivePerPrincipal: 4 },
      scramIterations: 1,
    });
    expect(config.limits).toMatchObject({
      maxConnections: 5,
      startupTimeoutMs: 500,
      drainTimeoutMs: 30_000,
      maxStatementBytes: 65_536,
      maxMessageBytes: 131_072,
    });
  });

  it('reads listeners', () => {
    expect(config.listen.postgres).toMatchObject({ host: '0.0.0.0', port: 0, tls: { mode: 'require' } });
    expect(config.listen.postgres.tls.keyPair?.cert).toBe(PEM);
    expect(config.listen.http).toEqual({ host: '127.0.0.1', port: 9000, tls: { mode: 'disable' } });
    expect(config.warnings).toEqual([]);
  });

  it('shows no secret however it is printed', () => {
    for (const text of [
      inspect(config, { depth: 20 }),
      JSON.stringify([...config.databases], undefined, 1),
      `${config.databases.get('shop')!.upstream.password}`,
    ]) {
      expect(text).not.toContain('from a file');
      expect(text).toContain('[secret]');
    }
    expect(inspect(config, { depth: 20 })).not.toContain('BEGIN PRIVATE KEY');
  });
});

it('needs nothing but a version', () => {
  const config = loadConfig(FILE, world('version: 1\n'));
  expect(config.dataDir).toBe('/etc/sluice/.sluice');
  expect(config.listen.postgres).toEqual({
    host: '127.0.0.1',
    port: 6432,
    tls: { mode: 'prefer' },
    keepAliveMs: 60_000,
  });
  expect(config.listen.adminSocket).toBe('/etc/sluice/.sluice/admin.sock');
  expect(config.policies).toEqual({ defaults: true, files: [] });
});

it.each([
  ['db', [{ host: 'db', port: 5432 }]],
  ['db:6000', [{ host: 'db', port: 6000 }]],
  ['10.0.0.1:6000', [{ host: '10.0.0.1', port: 6000 }]],
  ['2001:db8::1', [{ host: '2001:db8::1', port: 5432 }]],
  ['"[2001:db8::1]:6000"', [{ host: '2001:db8::1', port: 6000 }]],
  ['/run/postgresql', [{ host: '/run/postgresql', port: 5432 }]],
  ['/run/postgresql:6000', [{ host: '/run/postgresql', port: 6000 }]],
  [
    '[a, "b:7000", /run]',
    [
      { host: 'a', port: 5432 },
      { host: 'b', port: 7000 },
      { host: '/run', port: 5432 },
    ],
  ],
])('reads the host %s', (host, hosts) => {
  const config = loadConfig(FILE, world(SHOP.replace('localhost', host)));
  expect(config.databases.get('shop')!.upstream.hosts).toEqual(hosts);
});

it.each([
  ['localhost', 'prefer'],
  ['/run/postgresql', 'prefer'],
  ['[localhost, db.internal]', 'verify-full'],
  ['127.0.0.53', 'prefer'],
  ['db.internal', 'verify-full'],
  ['127.example.com', 'verify-full'],
])('verifies the database at %s with %s by default', (host, mode) => {
  const config = loadConfig(FILE, world(SHOP.replace('localhost', host)));
  expect(config.databases.get('shop')!.upstream.tls.mode).toBe(mode);
});

describe('each mistake is named with its line, column and fix', () => {
  const cases: Record<string, [yaml: string, ...problems: string[]]> = {
    'an empty file': ['', 'error 1:1: the file must be a mapping, but is empty. Write a mapping.'],
    'a file of text': ['hello', 'error 1:1: the file must be a mapping, but is a text. Write a mapping.'],
    'no version': ['dataDir: x\n', 'error 1:1: the file lacks the key "version". Add version: 1'],
    'another version': ['version: 2\n', 'error 1:10: version must be 1. Write 1.'],
    'an unknown key': ['version: 1\ndataDr: x\n', 'error 2:1: unknown key "dataDr". Did you mean "dataDir"?'],
    'an unknown nested key': [
      'version: 1\nlisten:\n  postgres: { prot: 1 }\n',
      'error 3:15: unknown key "prot" in postgres. Did you mean "port"?',
    ],
    'an unknown key like no other': [
      'version: 1\nlisten: { zzzzzz: 1 }\n',
      'error 2:11: unknown key "zzzzzz" in listen. Known keys are postgres, http, adminSocket.',
    ],
    'a wrong type': [
      'version: 1\nlisten: { http: { port: "x" } }\n',
      'error 2:25: port must be a whole number, but is a text. Write a whole number.',
    ],
    'an empty section': [
      'version: 1\nprincipals:\n',
      'error 2:12: principals must be a mapping, but is empty. Write a mapping.',
    ],
    'a port out of range': [
      'version: 1\nlisten: { http: { port: 65536 } }\n',
      'error 2:25: port must be at most 65535. Write a number of 65535 or less.',
    ],
    'a wrong word': [
      'version: 1\nprincipals:\n  alice: { kind: humn }\n',
      'error 3:18: kind must be one of human, agent, service. Did you mean "human"?',
    ],
    'a bad principal name': [
      'version: 1\nprincipals:\n  "a b": { kind: human }\n',
      'error 3:3: "a b" is not a valid name here. Use at most 63 letters, digits and the characters _ . @ + - (not first: . @ + -).',
    ],
    'a missing key': [
      SHOP.replace('    user: gate\n', ''),
      'error 3:3: shop lacks the key "user". Add user: …',
    ],
    'a password in the file': [
      `${SHOP}    password: hunter2\n`,
      'error 8:15: password must be a mapping, but is a text. Write { env: NAME } or { file: path }; a password never stands in the configuration itself.',
    ],
    'a password from nowhere': [
      `${SHOP}    password: {}\n`,
      'error 8:15: password is empty. Write { env: NAME } or { file: path }; a password never stands in the configuration itself.',
    ],
    'a password from two places': [
      `${SHOP}    password: { env: SHOP_PASSWORD, file: x }\n`,
      'error 8:15: password has more than one key. Write { env: NAME } or { file: path }; a password never stands in the configuration itself.',
    ],
    'an unset variable': [
      `${SHOP}    password: { env: SHOP_PASWORD }\n`,
      'error 8:22: the environment variable SHOP_PASWORD is not set. Set SHOP_PASWORD before starting, or use { file: path }.',
    ],
    'an empty variable': [
      `${SHOP}    password: { env: EMPTY }\n`,
      'error 8:22: the environment variable EMPTY is empty. Set EMPTY before starting, or use { file: path }.',
    ],
    'a missing password file': [
      `${SHOP}    password: { file: shop.pw }\n`,
      'error 8:23: cannot read /etc/sluice/shop.pw: there is no such file. Create it, or correct the path (relative paths start at the configuration).',
    ],
    'a URL as host': [
      SHOP.replace('localhost', 'postgres://db'),
      'error 6:11: host is not written as expected. Give a host name, an address or the absolute path of a directory: no URL.',
    ],
    'hosts that are none': [
      SHOP.replace('localhost', '[db:0, "[db]:1", "a:b:c"]'),
      'error 6:12: "db:0" is no host. Write name, name:port, [address]:port or /directory, with a port of 1 to 65535.',
      'error 6:18: "[db]:1" is no host. Write name, name:port, [address]:port or /directory, with a port of 1 to 65535.',
      'error 6:28: "a:b:c" is no host. Write name, name:port, [address]:port or /directory, with a port of 1 to 65535.',
    ],
    'direct TLS that may be none': [
      `${SHOP}    tls: { mode: prefer, negotiation: direct, channelBinding: require }\n`,
      'error 8:39: direct TLS does not go with tls.mode prefer. Set tls.mode to require, verify-ca or verify-full.',
      'error 8:63: there may be no TLS to bind to with tls.mode prefer. Set tls.mode to require, verify-ca or verify-full.',
    ],
    'certificates without TLS': [
      'version: 1\nlisten: { postgres: { tls: { mode: disable, clientCertificates: { ca: a.crt } } } }\n',
      'error 2:45: there are no certificates without TLS. Set tls.mode to require or prefer.',
      'error 2:71: cannot read /etc/sluice/a.crt: there is no such file. Create it, or correct the path (relative paths start at the configuration).',
    ],
    'certificates that some may leave out': [
      'version: 1\nlisten: { postgres: { tls: { clientCertificates: { ca: /etc/sluice/tls.crt, required: true } } } }\n',
      'error 2:87: clients that do not use TLS show no certificate. Set tls.mode to require, too.',
    ],
    'certificates of nobody': [
      `version: 1
principals: { alice: { kind: human } }
listen:
  postgres:
    tls:
      clientCertificates:
        ca: /etc/sluice/tls.crt
        principals:
          - { from: cn, match: x, principal: alise }
          - { from: cn, match: x, principal: 'a*' }
          - { from: email, match: '*@*', principal: alice }
`,
      'error 9:46: there is no principal "alise". Did you mean "alice"?',
      'error 10:46: its * stands for nothing. Put one * into match, or remove it here.',
      'error 11:35: match holds more than one *. Keep one.',
    ],
    'a relation without schema': [
      `${SHOP}    labels:\n      customers: { email: email }\n`,
      'error 9:7: "customers" is not a valid name here. Write schema.table as the catalog spells it, such as public.customers.',
    ],
    'a label in capitals': [
      `${SHOP}    labels:\n      public.customers: { email: Email }\n`,
      'error 9:34: email is not written as expected. Write labels in lower snake case, such as card_number.',
    ],
    'a mask for a label nobody has': [
      `${SHOP}    labels:\n      public.customers: { email: email }\n    masks: { emial: redact }\n`,
      'warning 10:14: no column has the label "emial". Did you mean "email"?',
    ],
    'a mask that is not text': [
      `${SHOP}    masks: { salary: 4 }\n`,
      'error 8:22: salary must be a text, but is a number. Write a text.',
    ],
    'an unknown group': [
      'version: 1\ngroups: [dba]\nprincipals:\n  alice: { kind: human, groups: [dbaa] }\n',
      'error 4:34: there is no group "dbaa". Did you mean "dba"?',
    ],
    'an unknown group of approvers': [
      'version: 1\ngroups: [dba]\napprovals: { groups: [security] }\n',
      'error 3:23: there is no group "security". Add "security" to groups, or remove it here.',
    ],
    'a human who acts for another': [
      'version: 1\nprincipals:\n  a: { kind: human, mayActFor: [b] }\n  b: { kind: human }\n',
      'error 3:21: a human acts for nobody else. Remove mayActFor, or make it an agent or a service.',
    ],
    'an agent for a stranger': [
      'version: 1\nprincipals:\n  bot: { kind: agent, mayActFor: [alice, bot] }\n',
      'error 3:35: there is no principal "alice". Remove it, or add it to principals.',
      'error 3:42: bot cannot act for itself. Remove it.',
    ],
    'a cert without key': [
      'version: 1\nlisten:\n  postgres: { tls: { cert: a.crt } }\n',
      'error 3:22: cert stands alone. Add key, or remove cert.',
    ],
    'two listeners on one port': [
      'version: 1\nlisten: { postgres: { port: 7000 }, http: { port: 7000 } }\n',
      'error 2:51: port 7000 is taken by listen.postgres. Choose another port.',
    ],
    'an open listener without TLS': [
      'version: 1\nlisten: { http: { host: 0.0.0.0 } }\n',
      'warning 2:25: clients on the network may connect to http without TLS. Set listen.http.tls.mode to require.',
    ],
    'an unverified database': [
      `${SHOP.replace('localhost', 'db')}    tls: { mode: require }\n`,
      'warning 8:18: tls.mode require does not prove that db is the database. Set it to verify-full.',
    ],
    'an unused ca': [
      `${SHOP}    tls: { ca: a.pem }\n`,
      'error 8:12: tls.ca has no effect with tls.mode prefer. Set tls.mode to verify-full, or remove ca.',
      'error 8:16: cannot read /etc/sluice/a.pem: there is no such file. Create it, or correct the path (relative paths start at the configuration).',
    ],
    'a duration without unit': [
      'version: 1\nlimits: { startupTimeout: 10 }\n',
      'error 2:27: startupTimeout must be a text, but is a number. Write a whole number and a unit of ms, s, m, h or d, such as 10s or 1h.',
    ],
    'a duration out of bounds': [
      'version: 1\nlimits: { startupTimeout: 1ms }\n',
      'error 2:27: startupTimeout must be between 100ms and 1h. Write a value between 100ms and 1h.',
    ],
    'a size in another unit': [
      'version: 1\nlimits: { maxMessageBytes: 1MB }\n',
      'error 2:28: maxMessageBytes is not written as expected. Write a number of bytes, or one with a unit of KiB, MiB or GiB, such as 16MiB.',
    ],
    'statements larger than messages': [
      'version: 1\nlimits: { maxStatementBytes: 1MiB, maxMessageBytes: 64KiB }\n',
      'error 2:30: maxStatementBytes is more than maxMessageBytes. Write 64KiB or less, or raise maxMessageBytes.',
    ],
    'a default TTL beyond the most': [
      'version: 1\ntokens: { defaultTtl: 2h, maxTtl: 1h }\n',
      'error 2:23: defaultTtl is longer than maxTtl. Write 1h or less.',
    ],
    'a listed duplicate': [
      'version: 1\ngroups: [a, a]\n',
      'error 2:9: groups lists a value twice. Remove one of the two.',
    ],
    'a duplicate key': [
      'version: 1\nlimits: {}\nlimits: {}\n',
      'error 3:1: the key is defined twice. Remove one of the two.',
    ],
    'a tab': [
      'version: 1\nlisten:\n\thttp: {}\n',
      'error 3:1: a tab is used for indentation. Indent with spaces.',
    ],
    'an open bracket': [
      'version: 1\ngroups: [a\n',
      'error 3:1: the indentation does not fit. Align the line with its neighbours, using spaces, and close every bracket before it.',
    ],
    'an unknown anchor': [
      'version: 1\ngroups: *nothing\n',
      'error 2:9: an alias has no anchor. Define the anchor before its first use, or quote the text.',
    ],
    'a key that is a number': ['version: 1\nprincipals: { 1: { kind: human } }\n'],
    'a long data directory': [
      `version: 1\ndataDir: /${'d'.repeat(100)}\n`,
      'error 2:10: the path of the admin socket is longer than 103 bytes, which the system cannot open. Set listen.adminSocket to a shorter path, in a directory that only the user of Sluice may enter.',
    ],
  };
  it.each(Object.entries(cases))('%s', (_name, [yaml, ...problems]) => {
    expect(problemsOf(yaml, { '/etc/sluice/tls.crt': PEM })).toEqual(problems);
  });
});

it('reports everything at once, in the order of the file', () => {
  const found = problemsOf('version: 2\nlisten: { htp: {} }\nprincipals: { a: { kind: x } }\n');
  expect(found.map((line) => line.split(' ')[1])).toEqual(['1:10:', '2:11:', '3:26:']);
});

it('throws one error for all of them, which names the file', () => {
  const load = () => loadConfig(FILE, world('version: 2\nlistn: 1\n'));
  expect(load).toThrow(SluiceError);
  expect(load).toThrow(`${FILE}:1:10: version must be 1. Write 1.\n${FILE}:2:1: unknown key "listn"`);
});

it('names a file that is not there', () => {
  expect(() => loadConfig('/nowhere.yaml', world(''))).toThrow('/nowhere.yaml: there is no such file');
});

it('never quotes what stands where a secret may stand', () => {
  for (const place of ['password: hunter2', 'password: [hunter2]', 'password: { env: "hunter2!" }']) {
    expect(problemsOf(`${SHOP}    ${place}\n`).join()).not.toContain('hunter2');
  }
  expect(problemsOf(`${SHOP}    password: "hunter2\n`).join()).not.toContain('hunter2');
});

it('refuses bombs of aliases', () => {
  const bomb = ['version: 1', 'a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 0; i < 12; i++) {
    const [name, before] = [String.fromCharCode(98 + i), String.fromCharCode(97 + i)];
    bomb.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`);
  }
  expect(problemsOf(bomb.join('\n'))).toEqual([
    'error 1:1: too many aliases. Write the values out instead of repeating anchors.',
  ]);
});

it('keeps keys that mean something to JavaScript as plain data', () => {
  const found = problemsOf(
    'version: 1\nprincipals:\n  __proto__: { kind: human }\n  constructor: { kind: agent }\n',
  );
  expect(found).toEqual([]);
  const { config } = checkConfig(FILE, world('version: 1\nprincipals: { __proto__: { kind: human } }\n'));
  expect([...config!.principals.keys()]).toEqual(['__proto__']);
  expect(config!.principals.get('toString')).toBeUndefined();
});

describe('secrets', () => {
  const yaml = `${SHOP}    password: { file: pw }\n`;

  it.each([
    [0o100600, 0],
    [0o100640, 0],
    [0o100644, 1],
    [0o100666, 1],
  ])('warns if a file of mode %o is open to all', (mode, warnings) => {
    const found = problemsOf(yaml, { '/etc/sluice/pw': 'x' }, { '/etc/sluice/pw': mode });
    expect(found).toHaveLength(warnings);
    if (warnings > 0) expect(found[0]).toMatch(/^warning 8:23: .*open to every user.* Run chmod o-rwx/);
  });

  it.each([
    ['', '/etc/sluice/pw is empty'],
    ['\n', '/etc/sluice/pw is empty'],
    ['a\nb\n', '/etc/sluice/pw holds more than one line'],
  ])('refuses a file that holds %j', (text, message) => {
    expect(problemsOf(yaml, { '/etc/sluice/pw': text })[0]).toContain(message);
  });

  it('are left out for commands that need none', () => {
    const config = loadConfig(FILE, world(yaml), { secrets: 'skip' });
    expect(config.databases.get('shop')!.upstream.password).toBeUndefined();
  });
});
