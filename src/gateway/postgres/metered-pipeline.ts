/**
 * What is forwarded behind a statement whose result may be cut off: a cut is like an error that may come, so nothing that it would undo or
 * skip runs before the result has ended. And what is done at the database when one was cut off.
 */
import { encodeFrontendMessage, FRONTEND_TYPE as F } from '../../wire/postgres/index.ts';
import { FAILING_PARSE, FAILING_QUERY } from './failing-messages.ts';
import type { ForwardChannel } from './forward-channel.ts';
import type { ResponseRelay } from './response-relay.ts';
import type { CutStep } from './result-metering.ts';

const COPY_FAIL = encodeFrontendMessage({ type: 'CopyFail', reason: Buffer.from('the result was cut off') });
/** The client hears of the cut alone. */
const refusal = (): undefined => undefined;

export class MeteredPipeline {
  readonly #channel: ForwardChannel;
  readonly #responses: ResponseRelay;
  /** Since the last Sync, something was forwarded that writes. */
  writes = false;
  /** A cancel request is on its way: what comes next must not be cancelled in its place. */
  #settling: Promise<void> | undefined;

  constructor(channel: ForwardChannel, responses: ResponseRelay) {
    this.#channel = channel;
    this.#responses = responses;
  }

  /** What has to be waited for before a message of this type is looked at; undefined for nothing, which is the rule. */
  before(type: number): Promise<void> | undefined {
    if (this.#settling !== undefined || this.#responses.metering.owed === 0) return this.#settling;
    if (type === F.Flush || type === F.Terminate) return undefined;
    // A Sync commits.
    if (type === F.Sync && !this.writes) return undefined;
    return this.#channel.quiet();
  }

  /** @param cancelBackend resolves when the request has arrived */
  cutOff(step: CutStep, cancelBackend: () => Promise<void>): void {
    switch (step) {
      case 'cancel':
        this.#settling = cancelBackend().finally(() => {
          this.#settling = undefined;
        });
        break;
      case 'refuse-copy':
        this.#responses.copyingIn = false;
        this.#channel.forward(COPY_FAIL);
        break;
      case 'skip-to-sync':
        this.#responses.skipping = true;
        this.#channel.forwardExpecting(FAILING_PARSE, { kind: 'parse', refusal });
        break;
      case 'abort':
        this.#channel.forwardExpecting(FAILING_QUERY, {
          ...{ kind: 'query', tickets: [], next: 0, inPipeline: false, refusal },
        });
    }
    this.#channel.flush();
  }
}
