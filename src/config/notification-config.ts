/** Where people are asked about approval requests, besides webhooks. Plain data, as `config.ts`. */
import type { WebhookEvent } from './config.ts';
import type { Secret } from './secret.ts';

/** A message in a channel of Slack. */
export interface SlackConfig {
  /** The app's bot token. Absent only if secrets were not read. */
  readonly token?: Secret;
  /** The workspace whose people may click. */
  readonly team: string;
  readonly channel: string;
  /** Whether clicks are accepted: there is a signing secret. */
  readonly hasButtons: boolean;
  /** What Slack signs clicks with. Absent without buttons, or if secrets were not read. */
  readonly signingSecret?: Secret;
  /** Whether whoever clicks may be known by the confirmed e-mail address of their account. */
  readonly matchEmail: boolean;
  readonly includeStatement: boolean;
  readonly timeoutMs: number;
  /** Without a slash at its end. */
  readonly apiUrl: string;
}

/** A card in a channel of Microsoft Teams, posted by a bot of the Bot Framework. */
export interface TeamsConfig {
  /** Ids of the tenant and of the app, as Entra has them. */
  readonly tenant: string;
  readonly appId: string;
  /** The app's client secret. Absent only if secrets were not read. */
  readonly password?: Secret;
  readonly channel: string;
  readonly includeStatement: boolean;
  readonly timeoutMs: number;
  /** Each without a slash at its end: the connector, where tokens are had, and the OpenID metadata of the keys that sign clicks. */
  readonly serviceUrl: string;
  readonly loginUrl: string;
  readonly keysUrl: string;
}

/** Mails to those who may answer. */
export interface EmailConfig {
  readonly host: string;
  readonly port: number;
  readonly tls: 'starttls' | 'tls' | 'disable';
  /** PEM; without it, the authorities of Node.js count. */
  readonly ca?: string;
  readonly login?: { readonly user: string; readonly password?: Secret };
  readonly from: string;
  /** Whoever is told besides the people who may answer. */
  readonly to: readonly string[];
  readonly events: readonly WebhookEvent[];
  readonly includeStatement: boolean;
  readonly timeoutMs: number;
}
