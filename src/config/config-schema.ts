/**
 * The JSON Schema of `sluice.yaml`. `schemas/sluice.schema.json` and the tables of docs/configuration.md are written from
 * it (`npm run docs`), and a test keeps them equal. It checks shape only; what one key says about another is checked in
 * config-reader.ts.
 *
 * `patternErrorMessage` and `errorMessage` are read by editors and become the `fix` of a problem.
 *
 * Spec: https://json-schema.org/draft-07
 */
import {
  DEFAULT_APPROVALS,
  DEFAULT_DATA_DIR,
  DEFAULT_HOST,
  DEFAULT_HTTP_PORT,
  DEFAULT_LIMITS,
  DEFAULT_POSTGRES_PORT,
  DEFAULT_TOKENS,
} from './config-defaults.ts';
import { DURATION_PATTERN, formatBytes, formatDuration, SIZE_PATTERN } from './quantity.ts';

/** The part of JSON Schema that is used here. */
export interface SchemaNode {
  readonly $schema?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly patternErrorMessage?: string;
  readonly errorMessage?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false | SchemaNode;
  readonly propertyNames?: SchemaNode;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: SchemaNode;
  readonly uniqueItems?: boolean;
  readonly minItems?: number;
  readonly maxItems?: number;
}

type Extra = Omit<SchemaNode, 'type' | 'description'>;

const text = (description: string, extra: Extra = {}): SchemaNode => ({
  description,
  type: 'string',
  minLength: 1,
  ...extra,
});
const flag = (description: string, fallback: boolean): SchemaNode => ({
  description,
  type: 'boolean',
  default: fallback,
});
const whole = (description: string, minimum: number, maximum: number, extra: Extra = {}): SchemaNode => ({
  description,
  type: 'integer',
  minimum,
  maximum,
  ...extra,
});
const duration = (description: string, fallbackMs: number): SchemaNode => ({
  description,
  type: 'string',
  pattern: DURATION_PATTERN,
  patternErrorMessage: 'Write a whole number and a unit of ms, s, m, h or d, such as 10s or 1h.',
  errorMessage: 'Write a whole number and a unit of ms, s, m, h or d, such as 10s or 1h.',
  default: formatDuration(fallbackMs),
});
const size = (description: string, fallbackBytes: number): SchemaNode => ({
  description,
  type: ['integer', 'string'],
  minimum: 0,
  pattern: SIZE_PATTERN,
  patternErrorMessage: 'Write a number of bytes, or one with a unit of KiB, MiB or GiB, such as 16MiB.',
  errorMessage: 'Write a number of bytes, or one with a unit of KiB, MiB or GiB, such as 16MiB.',
  default: formatBytes(fallbackBytes),
});
const object = (
  description: string,
  properties: Record<string, SchemaNode>,
  extra: Extra = {},
): SchemaNode => ({
  description,
  type: 'object',
  properties,
  additionalProperties: false,
  ...extra,
});
const record = (
  description: string,
  names: SchemaNode,
  values: SchemaNode,
  extra: Extra = {},
): SchemaNode => ({
  description,
  type: 'object',
  propertyNames: names,
  additionalProperties: values,
  ...extra,
});
const list = (description: string, items: SchemaNode, extra: Extra = {}): SchemaNode => ({
  description,
  type: 'array',
  items,
  uniqueItems: true,
  ...extra,
});

const NAME: SchemaNode = {
  type: 'string',
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,62}$',
  patternErrorMessage: 'Use at most 63 letters, digits and the characters _ . @ + - (not first: . @ + -).',
};
const LABEL: SchemaNode = {
  type: 'string',
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  patternErrorMessage: 'Write labels in lower snake case, such as card_number.',
};
const RELATION: SchemaNode = {
  type: 'string',
  pattern: '^[^.]+\\.[^.]+$',
  patternErrorMessage: 'Write schema.table as the catalog spells it, such as public.customers.',
};

const secret = (description: string): SchemaNode =>
  object(
    description,
    {
      env: text('The environment variable that holds it.', {
        pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
        patternErrorMessage: 'Give the name of the variable alone, such as SHOP_PASSWORD, without $.',
        examples: ['SHOP_PASSWORD'],
      }),
      file: text('The file that holds it; one line break at its end is ignored.', {
        examples: ['/run/secrets/shop'],
      }),
    },
    {
      minProperties: 1,
      maxProperties: 1,
      errorMessage:
        'Write { env: NAME } or { file: path }; a password never stands in the configuration itself.',
    },
  );

const listener = (description: string, port: number, tlsModes: readonly string[]): SchemaNode =>
  object(description, {
    host: text('The address to listen on.', { default: DEFAULT_HOST, examples: ['0.0.0.0', '::1'] }),
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
    }),
  });

const principal: SchemaNode = object(
  'A person, an agent or a service. The name is what clients send as user name.',
  {
    kind: { description: 'What it is. Policies tell them apart.', enum: ['human', 'agent', 'service'] },
    displayName: text('How it is shown to people.', { maxLength: 200 }),
    groups: list('The groups it belongs to.', NAME, { default: [] }),
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

const database: SchemaNode = object(
  'A database behind the gate. The name is what clients connect to.',
  {
    engine: { description: 'What it speaks.', enum: ['postgres'] },
    environment: text('What it is for. Policies tell them apart.', {
      pattern: '^[a-z][a-z0-9_-]{0,62}$',
      patternErrorMessage: 'Use lower-case letters, digits, - and _, such as prod or staging.',
      examples: ['prod', 'staging'],
    }),
    host: text('Its host name or address.', {
      pattern: '^[^/\\s]+$',
      patternErrorMessage: 'Give a host name or an address alone: no URL, no socket path.',
    }),
    port: whole('Its TCP port.', 1, 65535, { default: 5432 }),
    database: text('Its name at the server, if that differs from the name here.', { maxLength: 63 }),
    user: text('The role the gateway logs in as.', { maxLength: 63 }),
    password: secret('The password of that role.'),
    tls: object('TLS towards the database.', {
      mode: {
        description:
          'verify-full checks the certificate and the name, verify-ca the certificate; require encrypts without checking, prefer only if the server offers it. The default is verify-full, or prefer where the host is this machine.',
        enum: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'],
      },
      ca: text("PEM file with the certificates to trust instead of the system's.", {
        examples: ['./tls/db-ca.crt'],
      }),
    }),
    labels: record(
      'What columns hold: schema.table, then column, then label.',
      RELATION,
      record('Column to label.', { type: 'string', minLength: 1, maxLength: 63 }, LABEL),
      { examples: [{ 'public.customers': { email: 'email', phone: 'phone' } }], default: {} },
    ),
    masks: record(
      'How a label is shown to those who may not see it, where the default of the label is not wanted.',
      LABEL,
      text('A mask, such as null, redact, email, last(4), partial(1), date(month), bucket(10000).'),
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

const approvals: SchemaNode = object('What an `@approval` annotation leaves out.', {
  groups: list('Groups whose members may answer; nobody, if empty.', NAME, {
    default: DEFAULT_APPROVALS.groups,
  }),
  quorum: whole('How many distinct people must approve.', 1, 10, { default: DEFAULT_APPROVALS.quorum }),
  expires: duration('How long a request waits for an answer.', DEFAULT_APPROVALS.expiresMs),
  holdMode: {
    description:
      'What a session does while a statement is held: wait in its connection, or fail at once with an error. Clients may choose for themselves.',
    enum: ['wait', 'fail'],
    default: DEFAULT_APPROVALS.holdMode,
  },
  maxPending: whole('Requests that may wait at once.', 1, 100_000, { default: DEFAULT_APPROVALS.maxPending }),
  maxPendingPerPrincipal: whole('Requests of one principal that may wait at once.', 1, 10_000, {
    default: DEFAULT_APPROVALS.maxPendingPerPrincipal,
  }),
});

const tokens: SchemaNode = object('Tokens, which clients use as passwords.', {
  defaultTtl: duration('How long a token is valid if its issuer does not say.', DEFAULT_TOKENS.defaultTtlMs),
  maxTtl: duration('The longest a token may be valid.', DEFAULT_TOKENS.maxTtlMs),
  maxActivePerPrincipal: whole('Tokens of one principal that may be valid at once.', 1, 32, {
    default: DEFAULT_TOKENS.maxActivePerPrincipal,
  }),
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
    'How long connecting to the database may take.',
    DEFAULT_LIMITS.upstreamConnectTimeoutMs,
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
      listen: object('Where to listen.', {
        postgres: listener('For PostgreSQL clients.', DEFAULT_POSTGRES_PORT, [
          'prefer',
          'require',
          'disable',
        ]),
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
      tokens,
      limits,
    },
    { required: ['version'] },
  ),
};
