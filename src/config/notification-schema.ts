/** The part of the schema of `sluice.yaml` that says where people are asked: Slack, e-mail. */
import {
  DEFAULT_EMAIL_EVENTS,
  DEFAULT_SLACK_API,
  DEFAULT_WEBHOOK_TIMEOUT_MS,
  WEBHOOK_EVENTS,
} from './config-defaults.ts';
import { duration, flag, list, object, type SchemaNode, secret, text, whole } from './schema-nodes.ts';

/** An address that can stand in a header as it is: no quoted local part, no name. */
const emailAddress = (description: string): SchemaNode =>
  text(description, {
    pattern: "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*$",
    patternErrorMessage: 'Write an address alone, such as alice@example.com.',
    maxLength: 254,
    examples: ['alice@example.com'],
  });

const slackId = (description: string, letters: string, example: string): SchemaNode =>
  text(description, {
    pattern: `^[${letters}][A-Z0-9]{5,30}$`,
    patternErrorMessage: `Write the id as Slack shows it, such as ${example}, not a name.`,
    examples: [example],
  });

const includeStatement = flag('Whether messages hold the statement, which may hold personal data.', false);
const timeout = duration('How long one attempt to send may take.', DEFAULT_WEBHOOK_TIMEOUT_MS);

/** Accounts of a person: members of `principals`. */
export const ACCOUNT_NODES: Readonly<Record<string, SchemaNode>> = {
  email: emailAddress(
    'Where requests that the person may answer are mailed to, and by which Slack may know them (matchEmail). Humans only.',
  ),
  slackUser: slackId('The id of the person in Slack, who may answer by clicking there.', 'UW', 'U024BE7LH'),
};

export const NOTIFICATION_NODES: Readonly<Record<string, SchemaNode>> = {
  slack: object(
    'A channel of Slack in which requests are shown, and answered if there is a signing secret.',
    {
      token: secret('The bot token of the app (xoxb-…). It needs the scope chat:write.'),
      team: slackId('The workspace. Clicks of people of another one do not count.', 'TE', 'T024BE7LD'),
      channel: slackId('The channel. The app must be in it.', 'CG', 'C024BE91L'),
      signingSecret: secret('The signing secret of the app. Without it, messages have no buttons.'),
      matchEmail: flag(
        'Whether people without slackUser are known by the confirmed e-mail address of their Slack account. Needs the scopes users:read and users:read.email.',
        false,
      ),
      includeStatement,
      timeout,
      apiUrl: text('The API of Slack.', { default: DEFAULT_SLACK_API, maxLength: 2048 }),
    },
    { required: ['token', 'team', 'channel'] },
  ),
  email: object(
    'Mails to the people who may answer (principals with email), and to others.',
    {
      host: text('The SMTP server.', { examples: ['smtp.example.com'], maxLength: 253 }),
      port: whole('Its port. Default: 587, or 465 with tls.', 1, 65535, { examples: [587] }),
      tls: {
        description:
          'starttls: encrypt after connecting, or send nothing; tls: from the start; disable: never, for this machine only unless insecure is set.',
        enum: ['starttls', 'tls', 'disable'],
        default: 'starttls',
      },
      ca: text('PEM file with the authorities of the server. Default: those of Node.js.'),
      user: text('Whom to log in as.', { maxLength: 254 }),
      password: secret('With which password.'),
      from: emailAddress('The sender.'),
      to: list('Addresses that are told besides the people who may answer.', emailAddress('An address.'), {
        default: [],
        maxItems: 20,
      }),
      events: list(
        'What is mailed.',
        { enum: WEBHOOK_EVENTS },
        { default: DEFAULT_EMAIL_EVENTS, minItems: 1 },
      ),
      includeStatement,
      timeout,
      insecure: flag('Whether tls: disable is allowed to another machine.', false),
    },
    { required: ['host', 'from'] },
  ),
};
