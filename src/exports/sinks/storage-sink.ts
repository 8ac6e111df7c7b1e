/**
 * Objects of JSON lines in S3-compatible storage, compressed: `<prefix><year>/<month>/<day>/<number of the first entry>.jsonl.gz`. The same
 * entries again replace the object that has them.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ExportSink } from '../../config/config.ts';
import { S3Bucket } from '../../ledger/s3-bucket.ts';
import type { ExportItem, Sink, SinkLimits } from './sink.ts';

type StorageConfig = Extract<ExportSink, { kind: 'storage' }>;

const compress = promisify(gzip);

export class StorageSink implements Sink {
  readonly limits: SinkLimits;
  readonly #bucket: S3Bucket;

  constructor({ storage, everyMs }: StorageConfig) {
    const { secretAccessKey, ...rest } = storage;
    this.#bucket = new S3Bucket({ ...rest, secretAccessKey: secretAccessKey?.reveal() ?? '' });
    this.limits = { maxItems: 20_000, maxBytes: 8 * 1024 * 1024, lingerMs: everyMs, settleMs: 0 };
  }

  async send(items: readonly ExportItem[]): Promise<void> {
    const [first] = items;
    if (first === undefined) return;
    const bytes = await compress(`${items.map(({ json }) => json).join('\n')}\n`);
    await this.#bucket.put(nameOf(first), bytes, { 'content-type': 'application/gzip' });
  }

  async close(): Promise<boolean> {
    return true;
  }
}

function nameOf({ entry: { seq, at } }: ExportItem): string {
  const [date] = new Date(at).toISOString().split('T') as [string];
  return `${date.replaceAll('-', '/')}/${String(seq).padStart(16, '0')}.jsonl.gz`;
}
