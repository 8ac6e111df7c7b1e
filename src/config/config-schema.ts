/**
 * The JSON Schema of `sluice.yaml`. `schemas/sluice.schema.json` and the tables of docs/configuration.md are written from
 * it (`npm run docs`), and a test keeps them equal. It checks shape only; what one key says about another is checked in
 * config-reader.ts.
 *
 * `patternErrorMessage` and `errorMessage` are read by editors and become the `fix` of a problem.
 *
 * Spec: https://json-schema.org/draft-07
 */
import { access } from './access-schema.ts';
import { approvals } from './approvals-schema.ts';
import { BUDGETS_SCHEMA } from './budgets-schema.ts';
import {
  DEFAULT_BEHAVIOUR,
  DEFAULT_DATA_DIR,
  DEFAULT_HOST,
  DEFAULT_HTTP_PORT,
  DEFAULT_KEEP_ALIVE_MS,
  DEFAULT_LIMITS,
  DEFAULT_POSTGRES_PORT,
  DEFAULT_TAINT,
  DEFAULT_TOKENS,
} from './config-defaults.ts';
import { EXPORTS_SCHEMA } from './exports-schema.ts';
import { INDEX_SCHEMA } from './index-schema.ts';
import { LEDGER_SCHEMA } from './ledger-schema.ts';
import { ACCOUNT_NODES } from './notification-schema.ts';
import {
  duration,
  flag,
  LABEL,
  LABELS,
  list,
  NAME,
  object,
  RELATION,
  record,
  type SchemaNode,
  secret,
  size,
  text,
  whole,
} from './schema-nodes.ts';

const keepAlive = duration(
  'How long a connection may be silent before it is probed; ten probes without an answer, a second apart, end it. 0s turns probing off.',
  DEFAULT_KEEP_ALIVE_MS,
);

const clientCertificates = object(
  'Certificates of clients. Without this key, clients are not asked for one.',
  {
    ca: text('PEM file with the authorities whose certificates are accepted.', {
      examples: ['./tls/clients-ca.crt'],
    }),
    crl: text('PEM file with their revocation lists: one of each authority. An outdated list refuses all.', {
      examples: ['./tls/clients.crl'],
    }),
    required: flag('Whether nobody may connect over the network without one.', false),
    suffices: flag('Whether a certificate stands in for the token. Otherwise clients need both.', false),
    principals: list(
      'Whom a certificate stands for: all that any of these rules yields. The user name must be among them.',
      object(
        'One rule.',
        {
          from: {
            description:
              'The part of the certificate: its one common name, its subject (RFC 4514), or its alternative names.',
            enum: ['cn', 'subject', 'email', 'dns', 'uri'],
          },
          match: text('What that part must be; one * stands for any text.', { default: '*' }),
          principal: text('The principal; * stands for what the * of match stood for.', { default: '*' }),
        },
        { required: ['from'] },
      ),
      { default: [{ from: 'cn' }], examples: [[{ from: 'email', match: '*@example.com' }]], minItems: 1 },
    ),
  },
  { required: ['ca'] },
);

const listener = (
  description: string,
  port: number,
  tlsModes: readonly string[],
  more: Record<string, SchemaNode> = {},
  moreTls: Record<string, SchemaNode> = {},
): SchemaNode =>
  object(description, {
    host: text('The address to listen on; :: is every address, of IPv4 too.', {
      default: DEFAULT_HOST,
      examples: ['0.0.0.0', '::'],
    }),
    port: whole('The TCP port; 0 takes any free one.', 0, 65535, { default: port }),
    tls: object('TLS towards clients.', {
      mode: {
        description:
          'Whether clients must (require), may (prefer) or cannot (disable) use TLS. Without cert and key, a self-signed certificate is made on first start and kept in the data directory.',
        enum: tlsModes,
        default: tlsModes[0],
      },
      cert: text('PEM file with the certificate and its chain.', { examples: ['./tls/server.crt'] }),
      key: text('PEM file with its private key.', { examples: ['./tls/server.key'] }),
      ...moreTls,
    }),
    ...more,
  });

const postgresListener = listener(
  'For PostgreSQL clients.',
  DEFAULT_POSTGRES_PORT,
  ['prefer', 'require', 'disable'],
  {
    unixSocket: object(
      'A Unix socket beside the TCP port, named .s.PGSQL.<port> as clients expect it.',
      {
        directory: text('Where it lies. Must exist.', { examples: ['/run/sluice'] }),
        mode: text('Its permissions: who may write to it may connect. 0777 is what PostgreSQL does.', {
          pattern: '^0?[0-7]{3}$',
          patternErrorMessage: "Write three octal digits in quotes, such as '0770'.",
          default: '0700',
        }),
      },
      { required: ['directory'] },
    ),
    keepAlive,
  },
  { clientCertificates },
);

const principal: SchemaNode = object(
  'A person, an agent or a service. The name is what clients send as user name.',
  {
    kind: { description: 'What it is. Policies tell them apart.', enum: ['human', 'agent', 'service'] },
    displayName: text('How it is shown to people.', { maxLength: 200 }),
    groups: list('The groups it belongs to.', NAME, { default: [] }),
    ...ACCOUNT_NODES,
    mayActFor: list(
      'The principals it may act for, for agents and services only. A token names which of them (`sluice token issue --on-behalf-of`).',
      NAME,
      { default: [] },
    ),
    maxConnections: whole(
      'Its connections at once, where limits.maxConnectionsPerPrincipal is not wanted.',
      1,
      100_000,
    ),
  },
  { required: ['kind'] },
);

const HOST = {
  pattern: '^(/\\S*|[^/\\s]+)$',
  patternErrorMessage: 'Give a host name, an address or the absolute path of a directory: no URL.',
};

/** How a database is reached. */
const reach: Record<string, SchemaNode> = {
  host: {
    description:
      'Its host name or address, or the directory of its Unix socket, each with :port if that is another one. Of several, the first that serves is taken.',
    type: ['string', 'array'],
    ...HOST,
    items: { type: 'string', ...HOST },
    minItems: 1,
    maxItems: 16,
    uniqueItems: true,
    examples: ['db.internal', ['db1.internal', 'db2.internal:5433'], '/run/postgresql'],
  },
  port: whole('Its TCP port, where host gives none.', 1, 65535, { default: 5432 }),
  targetSessionAttrs: {
    description:
      'Which of several hosts serve: any, those whose sessions can write (read-write) or cannot (read-only), the primary, a standby, or a standby if there is one (prefer-standby). As libpq’s target_session_attrs.',
    enum: ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'],
    default: 'any',
  },
  loadBalanceHosts: {
    description:
      'Whether hosts are tried as written (disable) or in any order, anew for each session (random).',
    enum: ['disable', 'random'],
    default: 'disable',
  },
  database: text('Its name at the server, if that differs from the name here.', { maxLength: 63 }),
  user: text('The role the gateway logs in as.', { maxLength: 63 }),
  password: secret('The password of that role.'),
  tls: object('TLS towards the database. A Unix socket has none.', {
    mode: {
      description:
        'verify-full checks the certificate and the name, verify-ca the certificate; require encrypts without checking, prefer encrypts if the server takes it, allow if it takes nothing else. The default is verify-full, or prefer where the host is this machine.',
      enum: ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'],
    },
    negotiation: {
      description:
        'Whether TLS is asked for (postgres) or begins at once (direct), which PostgreSQL 17 takes.',
      enum: ['postgres', 'direct'],
      default: 'postgres',
    },
    channelBinding: {
      description:
        'Whether the SCRAM exchange must (require), may (prefer) or cannot (disable) be bound to the TLS connection, so that nobody stands between.',
      enum: ['prefer', 'require', 'disable'],
      default: 'prefer',
    },
    ca: text("PEM file with the certificates to trust instead of the system's.", {
      examples: ['./tls/db-ca.crt'],
    }),
    crl: text('PEM file with revocation lists: one of each authority of the server’s chain.'),
    cert: text('PEM file with the certificate the gateway shows to the database.', {
      examples: ['./tls/gate.crt'],
    }),
    key: text('PEM file with its private key.', { examples: ['./tls/gate.key'] }),
  }),
};

const database: SchemaNode = object(
  'A database behind the gate. The name is what clients connect to.',
  {
    engine: { description: 'What it speaks.', enum: ['postgres'] },
    environment: text('What it is for. Policies tell them apart.', {
      pattern: '^[a-z][a-z0-9_-]{0,62}$',
      patternErrorMessage: 'Use lower-case letters, digits, - and _, such as prod or staging.',
      examples: ['prod', 'staging'],
    }),
    ...reach,
    keepAlive,
    warmConnections: whole(
      'Connections kept open in advance, already logged in, for sessions to come. Each serves one session and is closed with it. Counted in each process that serves. 0 keeps none.',
      0,
      1_000,
      { default: 0 },
    ),
    preview: object(
      'A copy of the database that takes changes, for exact previews of held statements; they run on the database itself without it.',
      reach,
      { required: ['host', 'user'] },
    ),
    subjects: record(
      'Which group of people relations are about, by group. Values of statements on their labelled columns are encrypted under keys of that group, which can be destroyed.',
      NAME,
      list('Relations.', RELATION),
      { default: {}, examples: [{ customers: ['public.customers'], employees: ['hr.employees'] }] },
    ),
    labels: record(
      'What columns hold: schema.table, then column (or a place in the documents of a jsonb column, such as address->street), then label, or several; untrusted for text that outsiders wrote, which hides nothing; none for columns that were looked at and hold nothing personal.',
      RELATION,
      record('Column to label.', { type: 'string', minLength: 1, maxLength: 63 }, LABELS),
      { examples: [{ 'public.customers': { email: 'email', phone: 'phone' } }], default: {} },
    ),
    suspects: text(
      'What to do with columns without a label whose names say that they are personal: report them in the log, mask them as well until somebody decides, or ignore them.',
      { enum: ['report', 'mask', 'ignore'], default: 'report' },
    ),
    scan: text(
      'Whether cells of results that have no label are looked at as they pass: report what looks personal, stop the result before it leaves, or off.',
      { enum: ['off', 'report', 'stop'], default: 'off' },
    ),
    masks: record(
      'How a label is shown to those who may not see it, where the default of the label is not wanted.',
      LABEL,
      text(
        "A mask, such as null, redact, email, last(4), partial(1), date(month), bucket(10000), hash, or an expression over value: sql(left(value, 2) || '…').",
      ),
      { examples: [{ salary: 'bucket(10000)' }], default: {} },
    ),
    maxConnections: whole('Client connections to it at once. Default: no bound of its own.', 1, 100_000),
  },
  { required: ['engine', 'environment', 'host', 'user'] },
);

const policies: SchemaNode = object('The Cedar policies.', {
  defaults: flag('Whether the policies that ship with Sluice apply.', true),
  files: list('Cedar files. The last part of a path may hold *.', text('A path.'), {
    examples: [['./policies/*.cedar']],
    default: [],
  }),
});

const tokens: SchemaNode = object('Tokens, which clients use as passwords.', {
  defaultTtl: duration('How long a token is valid if its issuer does not say.', DEFAULT_TOKENS.defaultTtlMs),
  maxTtl: duration('The longest a token may be valid.', DEFAULT_TOKENS.maxTtlMs),
  maxActivePerPrincipal: whole('Tokens of one principal that may be valid at once.', 1, 32, {
    default: DEFAULT_TOKENS.maxActivePerPrincipal,
  }),
  scramIterations: whole(
    'How often a client has to hash a token to log in. Tokens hold 256 random bits, which need no such protection; the default is the least that RFC 7677 allows, and drivers that insist on it (JDBC) need it. libpq and most others take fewer, and log in some milliseconds sooner. Holds for tokens issued from then on: those issued before do not log in any more.',
    1,
    4096,
    { default: DEFAULT_TOKENS.scramIterations },
  ),
});

const limits: SchemaNode = object('What one gateway takes on at most.', {
  maxConnections: whole('Sessions at once.', 1, 100_000, {
    default: DEFAULT_LIMITS.maxConnections,
  }),
  maxConnectionsPerPrincipal: whole('Sessions of one principal at once.', 1, 100_000, {
    default: DEFAULT_LIMITS.maxConnectionsPerPrincipal,
  }),
  startupTimeout: duration(
    'How long a client may take to connect and authenticate.',
    DEFAULT_LIMITS.startupTimeoutMs,
  ),
  upstreamConnectTimeout: duration(
    'How long connecting to one address of the database may take.',
    DEFAULT_LIMITS.upstreamConnectTimeoutMs,
  ),
  idleSessionTimeout: duration(
    'How long a session may be idle outside of a transaction; then it ends with 57P05. 0s is for ever.',
    DEFAULT_LIMITS.idleSessionTimeoutMs,
  ),
  idleInTransactionTimeout: duration(
    'How long it may be idle in a transaction; then it ends with 25P03. 0s is for ever.',
    DEFAULT_LIMITS.idleInTransactionTimeoutMs,
  ),
  drainTimeout: duration('How long SIGTERM waits for sessions to end.', DEFAULT_LIMITS.drainTimeoutMs),
  maxStatementBytes: size('The longest statement.', DEFAULT_LIMITS.maxStatementBytes),
  maxMessageBytes: size(
    'The longest message of a client, parameters and COPY data included.',
    DEFAULT_LIMITS.maxMessageBytes,
  ),
  authFailureDelay: duration(
    'The first delay after repeated failures to authenticate; each further failure doubles it …',
    DEFAULT_LIMITS.authFailureDelayMs,
  ),
  authFailureMaxDelay: duration('… up to this.', DEFAULT_LIMITS.authFailureMaxDelayMs),
});

const taint: SchemaNode = object('Sessions that have read untrusted text.', {
  remember: duration(
    'How long after such a reading other sessions of the same reader are tainted, too. 0s: only the session that has read.',
    DEFAULT_TAINT.rememberMs,
  ),
  per: {
    description:
      'Who is the same reader: the same principal acting for the same people (principal), or whoever uses the same token (token).',
    enum: ['principal', 'token'],
    default: DEFAULT_TAINT.per,
  },
});

const behaviour: SchemaNode = object('What is out of the ordinary for a principal: see behaviour.md.', {
  learn: duration(
    'How long a principal is only learned before anything is found.',
    DEFAULT_BEHAVIOUR.learnMs,
  ),
  window: duration(
    'How far back is the ordinary: what was last done earlier is done for the first time again.',
    DEFAULT_BEHAVIOUR.windowMs,
  ),
  remember: duration('How long policies see a finding (context.deviations).', DEFAULT_BEHAVIOUR.rememberMs),
});

/** The schema of the whole file. */
export const CONFIG_SCHEMA: SchemaNode = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Sluice configuration',
  ...object(
    'The configuration of a Sluice gateway: sluice.yaml.',
    {
      version: { description: 'The version of this format.', const: 1 },
      dataDir: text(
        'The directory of the ledger, the store and generated certificates. Made with mode 0700 if missing.',
        { default: DEFAULT_DATA_DIR },
      ),
      workers: whole(
        'Worker processes that serve sessions behind the one port. Default: one for each processor there is but one, which the primary process needs, and at least one. 0 serves in the one process.',
        0,
        64,
        { examples: [4] },
      ),
      listen: object('Where to listen.', {
        postgres: postgresListener,
        http: listener('For the HTTP API, health and metrics.', DEFAULT_HTTP_PORT, ['disable', 'require']),
        adminSocket: text(
          'The Unix socket for administration; whoever may open it is an administrator. Default: admin.sock in the data directory.',
        ),
      }),
      groups: list(
        'The groups there are. Optional; if given, a group that is not listed is an error wherever it is used.',
        NAME,
      ),
      principals: record('Who may connect.', NAME, principal, { default: {} }),
      databases: record('What they may connect to.', NAME, database, { default: {} }),
      policies,
      approvals,
      access,
      tokens,
      budgets: BUDGETS_SCHEMA,
      taint,
      behaviour,
      ledger: LEDGER_SCHEMA,
      index: INDEX_SCHEMA,
      exports: EXPORTS_SCHEMA,
      limits,
    },
    { required: ['version'] },
  ),
};
