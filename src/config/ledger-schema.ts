/** The JSON Schema of the section `ledger`. */
import {
  DEFAULT_ANCHOR_INTERVAL_MS,
  DEFAULT_RETAIN_DAYS,
  DEFAULT_RETENTION_EVERY_MS,
} from './ledger-section.ts';
import { duration, list, NAME, object, type SchemaNode, secret, text, whole } from './schema-nodes.ts';

export const storageKeys = {
  endpoint: text('The storage\u2019s address, without the bucket.', {
    examples: ['https://s3.eu-central-1.amazonaws.com'],
  }),
  bucket: text('The bucket.', { pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' }),
  region: text('Its region.', { default: 'us-east-1' }),
  prefix: text('Stands in front of every object\u2019s name, with its final slash.', {
    examples: ['sluice/'],
  }),
  accessKeyId: text('The access key.'),
  secretAccessKey: secret('Its secret.'),
};
export const storageRequired = ['endpoint', 'bucket', 'accessKeyId', 'secretAccessKey'];

export const LEDGER_SCHEMA: SchemaNode = object('The record of everything: see ledger.md.', {
  origin: text(
    'The log\u2019s name in its checkpoints, chosen once; an address without scheme is customary. By default one is made of its key.',
    { pattern: '^[^\\s+]+$', maxLength: 255, examples: ['ledger.example.com/prod'] },
  ),
  wrappingKey: secret(
    'What wraps the keys that values are encrypted with: 32 bytes in base64 or hex. By default a file in the data directory.',
  ),
  witnesses: list(
    'Witnesses that cosign checkpoints (c2sp.org/tlog-witness).',
    object(
      'One witness.',
      {
        vkey: text('Its verifier key.', { pattern: '^[^\\s+]+\\+[0-9a-f]{8}\\+B[A-Za-z0-9+/]{43}$' }),
        url: text('Its submission prefix.', { examples: ['https://witness.example.com'] }),
      },
      { required: ['vkey', 'url'] },
    ),
    { default: [] },
  ),
  anchors: object(
    'Second places for checkpoints, which whoever may change the ledger should not be able to change.',
    {
      directory: text('A directory, such as one on another disk or machine.'),
      webhook: object(
        'An address that each checkpoint is posted to.',
        {
          url: text('The address.'),
          secret: secret('Signs the body: its HMAC-SHA256 in hex stands in x-sluice-signature.'),
        },
        { required: ['url'] },
      ),
      storage: object(
        'S3-compatible object storage, best with object lock.',
        {
          ...storageKeys,
          retainDays: whole('How long the lock keeps a checkpoint; 0 asks for none.', 0, 36_500, {
            default: DEFAULT_RETAIN_DAYS,
          }),
        },
        { required: storageRequired },
      ),
    },
  ),
  anchorInterval: duration('How often second places get a new checkpoint.', DEFAULT_ANCHOR_INTERVAL_MS),
  retention: object('How long entries are kept. Without rules, for good.', {
    rules: list(
      'The first rule that fits an entry decides; what none fits is kept for good.',
      object(
        'One rule.',
        {
          keep: { ...duration('How long, at least.', DEFAULT_RETENTION_EVERY_MS), default: undefined },
          kinds: list(
            'Only entries of these kinds.',
            text('A kind, such as statement.', { pattern: '^[a-z][a-z-]{1,40}$' }),
            {
              minItems: 1,
            },
          ),
          databases: list('Only what concerns one of these databases.', NAME, { minItems: 1 }),
        },
        { required: ['keep'] },
      ),
      { default: [], maxItems: 50 },
    ),
    every: duration('How often a running gateway prunes what may go; 0s never.', DEFAULT_RETENTION_EVERY_MS),
  }),
  tiles: object(
    'S3-compatible object storage that holds the log\u2019s tiles instead of the data directory. To be chosen before the first start.',
    storageKeys,
    { required: storageRequired },
  ),
});
