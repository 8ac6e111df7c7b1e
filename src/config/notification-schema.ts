/** The part of the schema of `sluice.yaml` that says where people are asked: Slack, Microsoft Teams, e-mail. */
import {
  DEFAULT_EMAIL_EVENTS,
  DEFAULT_SLACK_API,
  DEFAULT_TEAMS_URLS,
  DEFAULT_WEBHOOK_TIMEOUT_MS,
  WEBHOOK_EVENTS,
} from './config-defaults.ts';
import { duration, flag, list, object, type SchemaNode, secret, text, whole } from './schema-nodes.ts';

const GUID = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

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

const guid = (description: string): SchemaNode =>
  text(description, {
    pattern: GUID,
    patternErrorMessage: 'Write the id in lower case, such as 0a1b2c3d-1111-2222-3333-444455556666.',
    examples: ['0a1b2c3d-1111-2222-3333-444455556666'],
  });

const includeStatement = flag('Whether messages hold the statement, which may hold personal data.', false);
const timeout = duration('How long one attempt to send may take.', DEFAULT_WEBHOOK_TIMEOUT_MS);

/** Accounts of a person: members of `principals`. */
export const ACCOUNT_NODES: Readonly<Record<string, SchemaNode>> = {
  email: emailAddress(
    'Where requests that the person may answer are mailed to, and by which Slack may know them (matchEmail). Humans only.',
  ),
  slackUser: slackId('The id of the person in Slack, who may answer by clicking there.', 'UW', 'U024BE7LH'),
  teamsUser: guid('The object id of the person in Entra, who may answer by clicking in Teams.'),
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
  teams: object(
    'A channel of Microsoft Teams in which requests are shown and answered, by a bot.',
    {
      tenant: guid('The tenant. Clicks of people of another one do not count.'),
      appId: guid('The id of the app (bot).'),
      password: secret('Its client secret.'),
      channel: text('The channel. The app must be installed in its team.', {
        pattern: '^19:[A-Za-z0-9_.-]+@thread\\.(tacv2|skype)$',
        patternErrorMessage: 'Write the id as in the link to the channel, such as 19:1a2b…@thread.tacv2.',
        examples: ['19:1a2b3c4d5e@thread.tacv2'],
      }),
      includeStatement,
      timeout,
      serviceUrl: text('The Bot Framework connector.', {
        default: DEFAULT_TEAMS_URLS.serviceUrl,
        maxLength: 2048,
      }),
      loginUrl: text('Where tokens for the connector are had.', {
        default: DEFAULT_TEAMS_URLS.loginUrl,
        maxLength: 2048,
      }),
      keysUrl: text('The OpenID metadata of the keys that sign clicks.', {
        default: DEFAULT_TEAMS_URLS.keysUrl,
        maxLength: 2048,
      }),
    },
    { required: ['tenant', 'appId', 'password', 'channel'] },
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
