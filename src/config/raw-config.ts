/** The shape of `sluice.yaml` once the schema accepted it. Pure types. */
import type { BudgetScope } from '../model/budget.ts';
import type { BudgetCount } from '../model/standing.ts';
import type { CertificateField, TargetSessionAttrs, WebhookEvent } from './config.ts';

export interface RawTls {
  readonly mode?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface RawUpstreamTls extends RawTls {
  readonly ca?: string;
  readonly crl?: string;
  readonly negotiation?: 'postgres' | 'direct';
  readonly channelBinding?: 'disable' | 'prefer' | 'require';
}

export interface RawClientCertificates {
  readonly ca: string;
  readonly crl?: string;
  readonly required?: boolean;
  readonly suffices?: boolean;
  readonly principals?: readonly {
    readonly from: CertificateField;
    readonly match?: string;
    readonly principal?: string;
  }[];
}

export interface RawPostgresListener extends RawListener {
  readonly tls?: RawTls & { readonly clientCertificates?: RawClientCertificates };
  readonly unixSocket?: { readonly directory: string; readonly mode?: string };
  readonly keepAlive?: string;
}

export interface RawListener {
  readonly host?: string;
  readonly port?: number;
  readonly tls?: RawTls;
}

export interface RawSecret {
  readonly env?: string;
  readonly file?: string;
}

export interface RawWebhook {
  readonly url: string;
  readonly name?: string;
  readonly secret: RawSecret;
  readonly events?: readonly WebhookEvent[];
  readonly includeStatement?: boolean;
  readonly timeout?: string;
  readonly insecure?: boolean;
}

export interface RawSlack {
  readonly token: RawSecret;
  readonly team: string;
  readonly channel: string;
  readonly signingSecret?: RawSecret;
  readonly matchEmail?: boolean;
  readonly includeStatement?: boolean;
  readonly timeout?: string;
  readonly apiUrl?: string;
}

export interface RawTeams {
  readonly tenant: string;
  readonly appId: string;
  readonly password: RawSecret;
  readonly channel: string;
  readonly includeStatement?: boolean;
  readonly timeout?: string;
  readonly serviceUrl?: string;
  readonly loginUrl?: string;
  readonly keysUrl?: string;
}

export interface RawEmail {
  readonly host: string;
  readonly port?: number;
  readonly tls?: 'starttls' | 'tls' | 'disable';
  readonly ca?: string;
  readonly user?: string;
  readonly password?: RawSecret;
  readonly from: string;
  readonly to?: readonly string[];
  readonly events?: readonly WebhookEvent[];
  readonly includeStatement?: boolean;
  readonly timeout?: string;
  readonly insecure?: boolean;
}

export interface RawPrincipal {
  readonly kind: 'human' | 'agent' | 'service';
  readonly email?: string;
  readonly slackUser?: string;
  readonly teamsUser?: string;
  readonly displayName?: string;
  readonly groups?: readonly string[];
  readonly mayActFor?: readonly string[];
  readonly maxConnections?: number;
}

export interface RawBudget {
  readonly for?: {
    readonly kinds?: readonly ('human' | 'agent' | 'service')[];
    readonly groups?: readonly string[];
    readonly principals?: readonly string[];
  };
  readonly databases?: readonly string[];
  readonly count: BudgetCount;
  readonly labels?: readonly string[];
  readonly limit: number | string;
  readonly window?: string;
  readonly per?: readonly BudgetScope[];
  readonly onBehalfOf?: boolean;
  readonly exceeded?: 'deny' | 'hold';
  readonly approval?: {
    readonly groups?: readonly string[];
    readonly quorum?: number;
    readonly expires?: string;
  };
}

/** How a database is reached. */
export interface RawUpstream {
  readonly host: string | readonly string[];
  readonly port?: number;
  readonly targetSessionAttrs?: TargetSessionAttrs;
  readonly loadBalanceHosts?: 'disable' | 'random';
  readonly database?: string;
  readonly user: string;
  readonly password?: RawSecret;
  readonly tls?: RawUpstreamTls;
  readonly keepAlive?: string;
  readonly warmConnections?: number;
}

export interface RawDatabase extends RawUpstream {
  readonly engine: 'postgres';
  readonly environment: string;
  readonly preview?: RawUpstream;
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  readonly subjects?: Readonly<Record<string, readonly string[]>>;
  readonly suspects?: 'report' | 'mask' | 'ignore';
  readonly scan?: 'off' | 'report' | 'stop';
  readonly masks?: Readonly<Record<string, string>>;
  readonly maxConnections?: number;
}

export interface RawConfig {
  readonly version: 1;
  readonly dataDir?: string;
  readonly workers?: number;
  readonly listen?: {
    readonly postgres?: RawPostgresListener;
    readonly http?: RawListener;
    readonly adminSocket?: string;
  };
  readonly groups?: readonly string[];
  readonly principals?: Readonly<Record<string, RawPrincipal>>;
  readonly databases?: Readonly<Record<string, RawDatabase>>;
  readonly policies?: { readonly defaults?: boolean; readonly files?: readonly string[] };
  readonly approvals?: {
    readonly groups?: readonly string[];
    readonly quorum?: number;
    readonly expires?: string;
    readonly holdMode?: 'wait' | 'fail';
    readonly maxPending?: number;
    readonly maxPendingPerPrincipal?: number;
    readonly webhooks?: readonly RawWebhook[];
    readonly reviewers?: readonly RawReviewer[];
    readonly publicUrl?: string;
    readonly slack?: RawSlack;
    readonly teams?: RawTeams;
    readonly email?: RawEmail;
  };
  readonly tokens?: {
    readonly defaultTtl?: string;
    readonly maxTtl?: string;
    readonly maxActivePerPrincipal?: number;
    readonly scramIterations?: number;
  };
  readonly access?: {
    readonly groups?: Readonly<Record<string, RawAccessRule>>;
    readonly unmask?: Readonly<Record<string, RawAccessRule>>;
  };
  readonly budgets?: Readonly<Record<string, RawBudget>>;
  readonly behaviour?: { readonly learn?: string; readonly window?: string; readonly remember?: string };
  readonly taint?: { readonly remember?: string; readonly per?: 'principal' | 'token' };
  readonly ledger?: RawLedger;
  readonly index?: RawIndex;
  readonly exports?: readonly RawExport[];
  readonly limits?: {
    readonly maxConnections?: number;
    readonly maxConnectionsPerPrincipal?: number;
    readonly startupTimeout?: string;
    readonly upstreamConnectTimeout?: string;
    readonly idleSessionTimeout?: string;
    readonly idleInTransactionTimeout?: string;
    readonly drainTimeout?: string;
    readonly maxStatementBytes?: number | string;
    readonly maxMessageBytes?: number | string;
    readonly authFailureDelay?: string;
    readonly authFailureMaxDelay?: string;
  };
}

export interface RawIndex {
  readonly postgres?: RawIndexDatabase;
}

export interface RawIndexDatabase {
  readonly host: string;
  readonly port?: number;
  readonly database: string;
  readonly user: string;
  readonly password?: RawSecret;
  readonly schema?: string;
  readonly tls?: {
    readonly mode?: 'disable' | 'require' | 'verify-ca' | 'verify-full';
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
}

export interface RawReviewer {
  readonly principal: string;
  readonly url?: string;
  readonly secret?: RawSecret;
  readonly command?: readonly string[];
  readonly timeout?: string;
  readonly includeStatement?: boolean;
  readonly insecure?: boolean;
}

export interface RawAccessRule {
  readonly approval: string;
  readonly maxDuration?: string;
  readonly requesters?: readonly string[];
  readonly databases?: readonly string[];
}

export interface RawStorage {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region?: string;
  readonly prefix?: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: RawSecret;
}

export interface RawExportTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Exactly one destination. */
export interface RawExport {
  readonly name: string;
  readonly format?: 'sluice' | 'ocsf';
  readonly kinds?: readonly string[];
  readonly decisions?: readonly ('allow' | 'hold' | 'deny')[];
  readonly databases?: readonly string[];
  readonly from?: 'beginning' | 'now';
  readonly file?: { readonly path: string; readonly maxSize?: number | string; readonly keep?: number };
  readonly syslog?: RawExportTls & {
    readonly host: string;
    readonly port?: number;
    readonly appName?: string;
    readonly timeout?: string;
  };
  readonly webhook?: {
    readonly url: string;
    readonly secret: RawSecret;
    readonly timeout?: string;
    readonly insecure?: boolean;
  };
  readonly otlp?: {
    readonly url: string;
    readonly encoding?: 'protobuf' | 'json';
    readonly headers?: Readonly<Record<string, RawSecret>>;
    readonly timeout?: string;
    readonly insecure?: boolean;
  };
  readonly kafka?: {
    readonly brokers: readonly string[];
    readonly topic: string;
    readonly tls?: RawExportTls;
    readonly sasl?: {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: string;
      readonly password: RawSecret;
    };
    readonly timeout?: string;
  };
  readonly storage?: RawStorage & { readonly every?: string };
}

export interface RawLedger {
  readonly origin?: string;
  readonly wrappingKey?: RawSecret;
  readonly witnesses?: readonly { readonly vkey: string; readonly url: string }[];
  readonly anchors?: {
    readonly directory?: string;
    readonly webhook?: { readonly url: string; readonly secret?: RawSecret };
    readonly storage?: RawStorage & { readonly retainDays?: number };
  };
  readonly anchorInterval?: string;
  readonly retention?: {
    readonly rules?: readonly {
      readonly keep: string;
      readonly kinds?: readonly string[];
      readonly databases?: readonly string[];
    }[];
    readonly every?: string;
  };
  readonly tiles?: RawStorage;
}
