/**
 * What `sluice.yaml` says, checked and with every default filled in. Plain data: paths are absolute, secrets are read
 * and wrapped. docs/configuration.md describes the file.
 */
import type { ApprovalState } from '../model/approval.ts';
import type { Budget } from '../model/budget.ts';
import type { Database } from '../model/database.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { ColumnLabel, Label } from '../model/labels.ts';
import type { Principal } from '../model/principal.ts';
import type { HoldMode } from '../model/session.ts';
import type { ConfigProblem, ConfigSource } from './config-source.ts';
import type { IndexDatabase } from './index-database.ts';
import type { EmailConfig, SlackConfig, TeamsConfig } from './notification-config.ts';
import type { Secret } from './secret.ts';

/** A certificate chain and its key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: Secret;
}

export type ListenerTlsMode = 'disable' | 'prefer' | 'require';

/** TLS towards clients. Without `keyPair`, a self-signed certificate is made on first start. */
export interface ListenerTls {
  readonly mode: ListenerTlsMode;
  readonly keyPair?: KeyPair;
}

/** Where to listen. Port 0 takes any free one. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  readonly tls: ListenerTls;
}

/** A part of a certificate that may name a principal. */
export type CertificateField = 'cn' | 'subject' | 'email' | 'dns' | 'uri';

/** `match` holds at most one `*`, for any text; `principal` one, for that text, only if `match` does. */
export interface CertificateRule {
  readonly from: CertificateField;
  readonly match: string;
  readonly principal: string;
}

/** Certificates of clients: who vouches for them, and whom they stand for. */
export interface ClientCertificateConfig {
  /** PEM. */
  readonly ca: string;
  /** PEM; one list of each authority. */
  readonly crl?: string;
  /** Nobody may connect over the network without one. */
  readonly required: boolean;
  /** A certificate stands in for the token. */
  readonly suffices: boolean;
  readonly rules: readonly CertificateRule[];
}

/** What PostgreSQL clients are shown, and what they may show. Can be renewed while the gateway serves. */
export interface ListenerCertificates {
  readonly keyPair: KeyPair;
  readonly clientCertificates?: ClientCertificateConfig;
}

export interface PostgresListener extends Listener {
  readonly tls: ListenerTls & { readonly clientCertificates?: ClientCertificateConfig };
  /** An absolute directory and the permission bits of the socket in it. */
  readonly unixSocket?: { readonly directory: string; readonly mode: number };
  /** 0 for none. */
  readonly keepAliveMs: number;
}

/**
 * `allow`, `prefer` and `require` do not verify the certificate; `verify-ca` verifies the chain, `verify-full` the name too. `allow`
 * tries without TLS first, `prefer` with it.
 */
export type UpstreamTlsMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface UpstreamTls {
  readonly mode: UpstreamTlsMode;
  /** `direct` begins TLS without asking. */
  readonly negotiation: 'postgres' | 'direct';
  readonly channelBinding: 'disable' | 'prefer' | 'require';
  /** PEM; without it, the system's roots count. */
  readonly ca?: string;
  readonly crl?: string;
  /** What the gateway shows to the database. */
  readonly keyPair?: KeyPair;
}

/** A host name, an address, or the absolute directory of a Unix socket. */
export interface UpstreamHost {
  readonly host: string;
  readonly port: number;
}

/** Which servers will do, as libpq's parameter of that name has it. */
export type TargetSessionAttrs =
  | 'any'
  | 'read-write'
  | 'read-only'
  | 'primary'
  | 'standby'
  | 'prefer-standby';

/** How to reach a database and as whom. */
export interface Upstream {
  /** At least one. */
  readonly hosts: readonly UpstreamHost[];
  readonly targetSessionAttrs: TargetSessionAttrs;
  readonly loadBalanceHosts: 'disable' | 'random';
  /** Its name at the server, which may differ from the one clients connect to. */
  readonly database: string;
  readonly user: string;
  readonly password?: Secret;
  readonly tls: UpstreamTls;
  /** 0 for none. */
  readonly keepAliveMs: number;
  /** Connections to keep ready for sessions to come. */
  readonly warmConnections: number;
  /** Settings that the gate gives each session, whatever its client asks for. Not from the file. */
  readonly sessionSettings?: ReadonlyMap<string, Secret>;
}

/** A connection target with its labels. */
export interface DatabaseConfig extends Database {
  readonly upstream: Upstream;
  /** For digests of rows that were previewed. Not from the file; absent where statements are only checked. */
  readonly rowKey?: Secret;
  /** A copy of it, for previews; the database itself if absent. */
  readonly preview?: Upstream;
  readonly labels: readonly ColumnLabel[];
  /** Which group of people a relation is about, by relation. */
  readonly subjects: ReadonlyMap<string, string>;
  /** `relation.column` of columns that hold nothing personal, as somebody decided. */
  readonly decided: readonly string[];
  /** What happens to columns without a label whose names say that they are personal. */
  readonly suspects: 'report' | 'mask' | 'ignore';
  /** Whether cells of results without a label are looked at as they pass. */
  readonly scan: 'off' | 'report' | 'stop';
  /** Masks by label as written (`bucket(10000)`); `masking` parses them. */
  readonly masks: Readonly<Record<Label, string>>;
  /** Sessions at once; undefined for as many as the gateway may have. */
  readonly maxConnections?: number;
}

/** A principal and whom it may act for (ids of configured principals; empty for humans). */
export interface PrincipalConfig extends Principal {
  readonly mayActFor: readonly string[];
  /** Sessions at once, where `limits.maxConnectionsPerPrincipal` is not wanted. */
  readonly maxConnections?: number;
  /** Who a person is elsewhere: unique, and of humans only. */
  readonly email?: string;
  readonly slackUser?: string;
  readonly teamsUser?: string;
}

export interface PolicyConfig {
  /** Whether the policies that ship with Sluice apply. */
  readonly defaults: boolean;
  /** Absolute paths, in the order written; the last segment may hold `*`. `listPolicyFiles` expands them. */
  readonly files: readonly string[];
}

/** What an `@approval` annotation leaves out. */
export interface ApprovalConfig {
  readonly groups: readonly string[];
  readonly quorum: number;
  readonly expiresMs: number;
  /** What sessions do that did not choose. */
  readonly holdMode: HoldMode;
  /** Requests that may wait at once over all sessions, and of one principal. */
  readonly maxPending: number;
  readonly maxPendingPerPrincipal: number;
  readonly webhooks: readonly WebhookConfig[];
  readonly reviewers: readonly ReviewerConfig[];
  /** Where people reach the HTTP API; no slash at its end. */
  readonly publicUrl?: string;
  readonly slack?: SlackConfig;
  readonly teams?: TeamsConfig;
  readonly email?: EmailConfig;
}

/** What a webhook can be told: that a request was made, an answer that settles nothing, or the state it came to. */
export type WebhookEvent = 'requested' | 'voted' | 'escalated' | Exclude<ApprovalState, 'pending'>;

/** An automatic reviewer: behind HTTP, or a program of this machine. */
export type ReviewerConfig = {
  /** The service as which it answers. */
  readonly principal: string;
  readonly timeoutMs: number;
  readonly includeStatement: boolean;
} & (
  | { readonly url: string; readonly secret?: Secret }
  /** The absolute path of the program, and its arguments. */
  | { readonly command: readonly string[] }
);

/** A system that is told of approval requests. */
export interface WebhookConfig {
  /** Unique. For logs, metrics and what waits to be sent. */
  readonly name: string;
  readonly url: string;
  /** Absent only if secrets were not read. */
  readonly secret?: Secret;
  readonly events: readonly WebhookEvent[];
  readonly includeStatement: boolean;
  readonly timeoutMs: number;
}

export interface TokenConfig {
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
  /** Tokens of one principal that may be valid at once; 1 to 32. */
  readonly maxActivePerPrincipal: number;
  /** What clients that log in with a token compute; 1 to 4096. Tokens hold too much chance for it to protect them. */
  readonly scramIterations: number;
}

/** One thing that may be asked for a time. */
export interface AccessRule {
  readonly approval: ApprovalRule;
  readonly maxMs: number;
  /** Groups whose members may ask; absent: everybody. */
  readonly requesters?: readonly string[];
  /** Where a sight may be lent; absent: everywhere. */
  readonly databases?: readonly string[];
}

/** What may be asked for a time, by group and by label. */
export interface AccessConfig {
  readonly groups: ReadonlyMap<string, AccessRule>;
  readonly unmask: ReadonlyMap<string, AccessRule>;
}

/** What is out of the ordinary for a principal. */
export interface BehaviourSettings {
  /** How long a principal is only learned. */
  readonly learnMs: number;
  /** How far back is the ordinary. */
  readonly windowMs: number;
  /** How long policies see a finding. */
  readonly rememberMs: number;
}

/** How far the taint of a session reaches beyond it. */
export interface TaintConfig {
  /** How long after a reading of untrusted text other sessions of the reader are tainted; 0 for not at all. */
  readonly rememberMs: number;
  /** Who is the same reader: the same principal that acts for the same people, or whoever uses the same token. */
  readonly per: 'principal' | 'token';
}

export interface Limits {
  readonly maxConnections: number;
  readonly maxConnectionsPerPrincipal: number;
  /** From accepting a connection to the end of authentication. */
  readonly startupTimeoutMs: number;
  /** For one address of a database. */
  readonly upstreamConnectTimeoutMs: number;
  /** Of sessions that wait for their client, outside of a transaction and in one; 0 for ever. */
  readonly idleSessionTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  /** How long SIGTERM waits for sessions to finish. */
  readonly drainTimeoutMs: number;
  readonly maxStatementBytes: number;
  /** Any one message of a client, COPY data and parameters included. */
  readonly maxMessageBytes: number;
  /** The first delay after repeated authentication failures, doubled by each further one … */
  readonly authFailureDelayMs: number;
  /** … up to this. */
  readonly authFailureMaxDelayMs: number;
}

/** A bucket of S3-compatible object storage. */
export interface LedgerStorage {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly prefix: string;
  readonly accessKeyId: string;
  /** Absent where secrets are not read. */
  readonly secretAccessKey?: Secret;
}

export interface LedgerConfig {
  /** The log's name in checkpoints; made of its key if absent. */
  readonly origin?: string;
  /** Whether the configuration names the key that wraps data keys; a file in the data directory is used if not. */
  readonly ownsWrappingKey: boolean;
  /** That key; absent where secrets are not read. */
  readonly wrappingKey?: Secret;
  readonly witnesses: readonly { readonly vkey: string; readonly url: string }[];
  /** Second places for checkpoints. */
  readonly anchors: {
    readonly directory?: string;
    readonly webhook?: { readonly url: string; readonly secret?: Secret };
    readonly storage?: LedgerStorage & { readonly retainDays: number };
  };
  readonly anchorIntervalMs: number;
  /** How long entries are kept: the first rule that fits decides. */
  readonly retention: {
    readonly rules: readonly {
      readonly keepMs: number;
      readonly kinds?: readonly string[];
      readonly databases?: readonly string[];
    }[];
    /** How often the gateway prunes; 0 for never. */
    readonly everyMs: number;
  };
  /** Where the log's tiles lie; the data directory if absent. */
  readonly tiles?: LedgerStorage;
}

/** How the gateway makes sure of a receiver, and what it shows. */
export interface ExportTls {
  /** PEM; without it, the system's roots count. */
  readonly ca?: string;
  readonly keyPair?: KeyPair;
}

/** Where entries go. Secrets are absent where they are not read. */
export type ExportSink =
  | { readonly kind: 'file'; readonly path: string; readonly maxBytes: number; readonly keep: number }
  | {
      readonly kind: 'syslog';
      readonly host: string;
      readonly port: number;
      readonly appName: string;
      readonly tls: ExportTls;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'webhook'; readonly url: string; readonly secret?: Secret; readonly timeoutMs: number }
  | {
      readonly kind: 'otlp';
      readonly url: string;
      readonly encoding: 'protobuf' | 'json';
      readonly headers: ReadonlyMap<string, Secret>;
      readonly timeoutMs: number;
    }
  | {
      readonly kind: 'kafka';
      /** `host:port`. */
      readonly brokers: readonly string[];
      readonly topic: string;
      readonly tls?: ExportTls;
      readonly sasl?: {
        readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
        readonly username: string;
        readonly password?: Secret;
      };
      readonly timeoutMs: number;
    }
  | { readonly kind: 'storage'; readonly storage: LedgerStorage; readonly everyMs: number };

/** A place that ledger entries are handed on to. What is absent of `kinds`, `decisions` and `databases` selects nothing. */
export interface ExportConfig {
  /** Unique. For logs, metrics and the place it has reached. */
  readonly name: string;
  readonly format: 'sluice' | 'ocsf';
  readonly kinds?: readonly string[];
  readonly decisions?: readonly ('allow' | 'hold' | 'deny')[];
  readonly databases?: readonly string[];
  readonly from: 'beginning' | 'now';
  readonly sink: ExportSink;
}

/** The whole configuration. Immutable; a reload makes a new one. */
export interface Config {
  readonly source: ConfigSource;
  /** Things that work but should not stay so. */
  readonly warnings: readonly ConfigProblem[];
  readonly dataDir: string;
  /** Processes that serve sessions; 0 for the one process that there is. */
  readonly workers: number;
  /** `adminSocket` is a path; whoever can open it may administer. */
  readonly listen: {
    readonly postgres: PostgresListener;
    readonly http: Listener;
    readonly adminSocket: string;
  };
  readonly principals: ReadonlyMap<string, PrincipalConfig>;
  readonly databases: ReadonlyMap<string, DatabaseConfig>;
  readonly policies: PolicyConfig;
  readonly approvals: ApprovalConfig;
  readonly tokens: TokenConfig;
  readonly access: AccessConfig;
  readonly budgets: ReadonlyMap<string, Budget>;
  readonly taint: TaintConfig;
  readonly behaviour: BehaviourSettings;
  readonly ledger: LedgerConfig;
  readonly index: { readonly postgres?: IndexDatabase };
  readonly exports: readonly ExportConfig[];
  readonly limits: Limits;
}

/** What serving needs of it: all but where it came from. */
export type ServedConfig = Omit<Config, 'source' | 'warnings'>;
