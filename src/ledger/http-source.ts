/** A log that is served over HTTP, as `tlog-tiles` has it: any web server or object storage will do. Reads only. */
import { SluiceError } from '../errors/sluice-error.ts';
import type { TileSource } from './tile-store.ts';

const TIMEOUT_MS = 30_000;
/** No part of a log is larger: 256 entries of 64 KiB, or a part of 16 Mi characters. */
const MAX_BYTES = 64 * 1024 * 1024;

export class HttpSource implements TileSource {
  readonly name: string;

  /** @param address the log's prefix, with or without a final slash */
  constructor(address: string) {
    this.name = address.replace(/\/+$/, '');
  }

  async read(path: string): Promise<Buffer | undefined> {
    const answer = await this.#get(`${this.name}/${path}`);
    if (answer.status === 404 || answer.status === 403) {
      await answer.body?.cancel();
      return undefined;
    }
    if (!answer.ok)
      throw new SluiceError('ledger_unavailable', `${this.name}/${path} answers ${answer.status}`);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of answer.body ?? []) {
      length += chunk.length;
      if (length > MAX_BYTES)
        throw new SluiceError('ledger_unavailable', `${this.name}/${path} is too large`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  }

  async #get(url: string): Promise<Response> {
    try {
      return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    } catch (cause) {
      throw new SluiceError('ledger_unavailable', `${url} cannot be read`, { cause });
    }
  }
}
