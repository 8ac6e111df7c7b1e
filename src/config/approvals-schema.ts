/** The part of the schema of `sluice.yaml` that is about approvals. */
import {
  DEFAULT_APPROVALS,
  DEFAULT_REVIEW_TIMEOUT_MS,
  DEFAULT_WEBHOOK_TIMEOUT_MS,
  WEBHOOK_EVENTS,
} from './config-defaults.ts';
import { NOTIFICATION_NODES } from './notification-schema.ts';
import { duration, flag, list, NAME, object, type SchemaNode, secret, text, whole } from './schema-nodes.ts';

const webhooks = list(
  'Systems that are told of requests. docs/approvals.md says what they get, and how to check its signature.',
  object(
    'A system that is told of requests.',
    {
      url: text('Where to. https, unless it is this machine.', {
        maxLength: 2048,
        examples: ['https://hooks.example.com/sluice'],
      }),
      name: { ...NAME, description: 'What it is called in logs and metrics. The default is its host.' },
      secret: secret('The key that signs: whsec_ and 24 bytes or more in base64, or a text as long.'),
      events: list(
        'What it is told.',
        { enum: WEBHOOK_EVENTS },
        { default: WEBHOOK_EVENTS, examples: [['requested', 'approved', 'denied']], minItems: 1 },
      ),
      includeStatement: flag(
        'Whether it is told the text of the statement, which may hold personal data.',
        false,
      ),
      timeout: duration('How long it may take to answer.', DEFAULT_WEBHOOK_TIMEOUT_MS),
      insecure: flag('Whether http is allowed to another machine.', false),
    },
    { required: ['url', 'secret'] },
  ),
  { default: [], maxItems: 20 },
);

const reviewers = list(
  'Automatic reviewers. docs/automatic-reviewers.md says what they are asked, and how they answer.',
  object(
    'A reviewer that is no person: behind HTTP (url and secret), or a program of this machine (command).',
    {
      principal: {
        ...NAME,
        description: 'The service as which it answers. Its groups say in which requests it has a voice.',
      },
      url: text('Where it is asked. https, unless it is this machine.', {
        maxLength: 2048,
        examples: ['http://127.0.0.1:8090/review'],
      }),
      secret: secret('The key that signs questions and answers, as for webhooks.'),
      command: list(
        'The absolute path of a program, and its arguments. No shell is involved.',
        { type: 'string', minLength: 1, maxLength: 4096 },
        { minItems: 1, maxItems: 64, uniqueItems: false, examples: [['/usr/local/bin/review', '--strict']] },
      ),
      timeout: duration('How long it may take. Then people decide.', DEFAULT_REVIEW_TIMEOUT_MS),
      includeStatement: flag(
        'Whether it is told the text of the statement, which may hold personal data.',
        false,
      ),
      insecure: flag('Whether http is allowed to another machine.', false),
    },
    { required: ['principal'] },
  ),
  { default: [], maxItems: 20 },
);

export const approvals: SchemaNode = object(
  'What an `@approval` annotation leaves out, and who is told of requests.',
  {
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
    maxPending: whole('Requests that may wait at once.', 1, 100_000, {
      default: DEFAULT_APPROVALS.maxPending,
    }),
    maxPendingPerPrincipal: whole('Requests of one principal that may wait at once.', 1, 10_000, {
      default: DEFAULT_APPROVALS.maxPendingPerPrincipal,
    }),
    webhooks,
    reviewers,
    ...NOTIFICATION_NODES,
    publicUrl: text('Where people reach the HTTP API, for links in messages.', {
      maxLength: 2048,
      examples: ['https://sluice.example.com'],
    }),
  },
);
