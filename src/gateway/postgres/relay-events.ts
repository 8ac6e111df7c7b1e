/** What the relay of answers tells the connection it works for. */

import type { SluiceError } from '../../errors/sluice-error.ts';
import type { Session } from '../../session/session.ts';
import type { TransactionStatus } from '../../wire/postgres/index.ts';
import type { ClientSender } from './client-sender.ts';
import type { CutStep } from './result-metering.ts';
import type { ResultScan } from './result-scan.ts';
import type { SessionObjects } from './session-objects.ts';

export interface RelayEvents {
  /** ReadyForQuery passed: nothing before it is outstanding. */
  onReady(status: TransactionStatus): void;
  onParameter(name: string, value: string): void;
  /** DDL took effect. */
  onCatalogChange(): void;
  /** The database has ended a COPY by an error: what was held back while it lasted may go on. */
  onCopyFailed(): void;
  /** A result was cut off. */
  onCut(step: CutStep): void;
  /** The stream cannot go on; the session ends with this error. */
  onFailure(error: SluiceError): void;
}

export interface RelayOptions {
  readonly session: Session;
  readonly objects: SessionObjects;
  readonly sender: ClientSender;
  readonly events: RelayEvents;
  /** In the client's encoding. */
  readonly errorFrame: (error: SluiceError) => Buffer;
  /** Looks at results as they pass; absent where none does. */
  readonly scan?: ResultScan | undefined;
}
