/** The JSON Schema of the section `exports`. */
import { EXPORT_DEFAULTS, EXPORT_FORMATS } from './exports-section.ts';
import { storageKeys, storageRequired } from './ledger-schema.ts';
import {
  duration,
  flag,
  list,
  NAME,
  object,
  record,
  type SchemaNode,
  secret,
  size,
  text,
  whole,
} from './schema-nodes.ts';

const tls = {
  ca: text('A PEM file of those who vouch for it. Default: the system\u2019s.'),
  cert: text('A PEM file of the certificate that the gateway shows.'),
  key: text('The PEM file of its key.'),
};

const address = (examples: string[]): SchemaNode =>
  text('Where to. https, unless it is this machine.', { maxLength: 2048, examples });

const timeout = duration('How long an answer may take.', EXPORT_DEFAULTS.timeoutMs);
const insecure = flag('Whether http is allowed to another machine.', false);

const SINKS: Record<string, SchemaNode> = {
  file: object(
    'JSON lines, appended to a file.',
    {
      path: text('The file.', { examples: ['/var/log/sluice/ledger.jsonl'] }),
      maxSize: size(
        'It is renamed to <file>.1 when it is larger, and that to <file>.2.',
        EXPORT_DEFAULTS.maxFileBytes,
      ),
      keep: whole('How many renamed files are kept.', 0, 10_000, { default: EXPORT_DEFAULTS.keptFiles }),
    },
    { required: ['path'] },
  ),
  syslog: object(
    'Syslog (RFC 5424) over TLS (RFC 5425).',
    {
      host: text('The receiver.'),
      port: whole('Its port.', 1, 65_535, { default: EXPORT_DEFAULTS.syslogPort }),
      ...tls,
      appName: text('What the messages call the sender.', {
        pattern: '^[\\x21-\\x7e]{1,48}$',
        default: EXPORT_DEFAULTS.appName,
      }),
      timeout,
    },
    { required: ['host'] },
  ),
  webhook: object(
    'Batches, posted and signed (Standard Webhooks).',
    {
      url: address(['https://hooks.example.com/ledger']),
      secret: secret('The key that signs: whsec_ and 24 bytes or more in base64, or a text as long.'),
      timeout,
      insecure,
    },
    { required: ['url', 'secret'] },
  ),
  otlp: object(
    'OpenTelemetry logs (OTLP over HTTP).',
    {
      url: address(['https://otel.example.com/v1/logs']),
      encoding: { description: 'How they are written.', enum: ['protobuf', 'json'], default: 'protobuf' },
      headers: record(
        'Headers, such as authorization, by name.',
        { type: 'string', pattern: '^[A-Za-z0-9-]{1,64}$' },
        secret('Its value.'),
        {
          maxProperties: 20,
        },
      ),
      timeout,
      insecure,
    },
    { required: ['url'] },
  ),
  kafka: object(
    'A topic of Apache Kafka, or of what speaks its protocol. The key of a message is its session.',
    {
      brokers: list('Where to begin, as host:port.', text('One.', { pattern: '^[^\\s:]+:[0-9]{1,5}$' }), {
        minItems: 1,
        maxItems: 20,
      }),
      topic: text('The topic; it has to be there.', { pattern: '^[A-Za-z0-9._-]{1,249}$' }),
      tls: object('TLS to the brokers. Without this section, they are spoken to in clear.', tls),
      sasl: object(
        'How to log in.',
        {
          mechanism: { description: 'The mechanism.', enum: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] },
          username: text('As whom.'),
          password: secret('With which password.'),
        },
        { required: ['mechanism', 'username', 'password'] },
      ),
      timeout,
    },
    { required: ['brokers', 'topic'] },
  ),
  storage: object(
    'Objects of JSON lines, compressed by gzip, in S3-compatible object storage.',
    {
      ...storageKeys,
      every: duration('How long entries are gathered for one object.', EXPORT_DEFAULTS.storageEveryMs),
    },
    { required: storageRequired },
  ),
};

export const EXPORTS_SCHEMA: SchemaNode = list(
  'Where ledger entries are handed on to: see exports.md. Each has exactly one of file, syslog, webhook, otlp, kafka and storage.',
  object(
    'One of them.',
    {
      name: {
        ...NAME,
        description:
          'What it is called in logs and metrics. Its place in the ledger is kept under this name.',
      },
      format: {
        description: 'How an entry is written: as Sluice has it, or as an event of OCSF 1.5.',
        enum: EXPORT_FORMATS,
        default: 'sluice',
      },
      kinds: list(
        'Only entries of these kinds.',
        text('A kind, such as statement.', { pattern: '^[a-z][a-z-]{1,40}$' }),
        {
          minItems: 1,
        },
      ),
      decisions: list(
        'Of statements, only those decided so, with their outcomes.',
        { enum: ['allow', 'hold', 'deny'] },
        {
          minItems: 1,
        },
      ),
      databases: list('Only what concerns one of these databases, or none.', NAME, { minItems: 1 }),
      from: {
        description: 'Where it begins when it is new: with the first entry there is, or with those to come.',
        enum: ['beginning', 'now'],
        default: 'beginning',
      },
      ...SINKS,
    },
    { required: ['name'] },
  ),
  { default: [], maxItems: 20 },
);
