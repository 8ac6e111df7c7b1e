/** A log that is served over HTTP, as `tlog-tiles` has it: any web server or object storage will do. Reads only. */
import { SluiceError } from '../errors/sluice-error.ts';
import { readBody } from './bounded-body.ts';
import { MAX_TILE_BYTES, type TileSource } from './tile-store.ts';

const TIMEOUT_MS = 30_000;

export class HttpSource implements TileSource {
  readonly name: string;

  /** @param address the log's prefix, with or without a final slash */
  constructor(address: string) {
    this.name = address.replace(/\/+$/, '');
  }

  read(path: string): Promise<Buffer | undefined> {
    return readAddress(`${this.name}/${path}`);
  }
}

/**
 * What an address answers, up to the size of a tile; undefined if there is nothing, or nothing for everybody.
 * @throws {SluiceError} ledger_unavailable
 */
export async function readAddress(url: string): Promise<Buffer | undefined> {
  const answer = await get(url);
  if (answer.status === 404 || answer.status === 403) {
    await answer.body?.cancel();
    return undefined;
  }
  if (!answer.ok) throw new SluiceError('ledger_unavailable', `${url} answers ${answer.status}`);
  try {
    return await readBody(answer, MAX_TILE_BYTES);
  } catch (cause) {
    const reason = cause instanceof RangeError ? 'is too large' : 'cannot be read to its end';
    throw new SluiceError('ledger_unavailable', `${url} ${reason}`, { cause });
  }
}

async function get(url: string): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
  } catch (cause) {
    throw new SluiceError('ledger_unavailable', `${url} cannot be read`, { cause });
  }
}
