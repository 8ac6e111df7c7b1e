/**
 * Previews of requests: who may ask for one, that it is recorded before it runs, and that an approval given after it is good only for the
 * rows it showed.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { AffectedRows, Preview } from '../model/preview.ts';
import type { Actor } from '../model/principal.ts';
import type { RequestBook } from './request-book.ts';
import { checkPreview } from './vote-rules.ts';

export interface PreviewsOptions {
  readonly book: RequestBook;
  readonly ledger: Pick<Ledger, 'durable'>;
  readonly now: () => number;
}

export class Previews {
  readonly #o: PreviewsOptions;

  constructor(options: PreviewsOptions) {
    this.#o = options;
  }

  /**
   * Has a pending request previewed for somebody who may answer it, and binds it to the rows that the preview found.
   * @param run previews it; what it throws is thrown
   * @throws {SluiceError} not_found, forbidden, conflict (settled before or meanwhile), ledger_*, store_unavailable
   */
  async preview(
    id: string,
    reviewer: Actor,
    run: (request: ApprovalRequest) => Promise<Preview>,
  ): Promise<Preview> {
    const { book, ledger } = this.#o;
    const by = reviewer.principal.id;
    const { request } = await book.inTurnOf(id, async (found) => {
      const record = await book.expireIfDue(found);
      checkPreview(record.request, reviewer);
      await ledger.durable(book.append(record.request, 'previewing', { by }));
      return record;
    });
    const preview = await run(request);
    const bound = await this.#bind(id, by, preview);
    if (bound.digest === preview.affected.digest && bound.count === preview.affected.count) return preview;
    const note =
      'These are not the rows that the request is bound to: they have changed since somebody approved it.';
    return { ...preview, notes: [...preview.notes, note] };
  }

  /** Where somebody has approved already, what they saw stands. */
  async #bind(id: string, by: string, { affected, parameterTypes }: Preview): Promise<AffectedRows> {
    const { book, ledger, now } = this.#o;
    const { request } = await book.inTurnOf(id, async (found) => {
      const record = await book.expireIfDue(found);
      const { state, previewed, votes } = record.request;
      if (state !== 'pending') throw new SluiceError('conflict', `request ${id} is ${state} meanwhile`);
      await ledger.durable(book.append(record.request, 'previewed', { by, affected }));
      if (previewed !== undefined && votes.length > 0) return record;
      const seen = { by, at: now(), affected, parameterTypes };
      return book.replace({ ...record, request: { ...record.request, previewed: seen } });
    });
    return request.previewed?.affected ?? affected;
  }
}
