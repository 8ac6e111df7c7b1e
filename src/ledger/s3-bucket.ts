/**
 * A bucket of S3-compatible object storage: only what a log needs of it. Requests are signed (Signature Version 4) and tried again a
 * few times when the storage is busy.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */
import { hash } from 'node:crypto';
import type { AwsClient } from 'aws4fetch';
import { SluiceError } from '../errors/sluice-error.ts';
import { readBody } from './bounded-body.ts';
import { type ListedVersion, MAX_PAGE_BYTES, pageOf } from './s3-listing.ts';
import { MAX_TILE_BYTES, type TileStore } from './tile-store.ts';

/** Plain data: it crosses threads. */
export interface S3Config {
  /** The storage's address: `https://s3.eu-central-1.amazonaws.com`. The bucket is named in the path. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** In front of every name, with its final slash; may be empty. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const TIMEOUT_MS = 30_000;
const RETRIES = 3;
const PUTS = 16;
/** Versions that one listing may have: two years of a checkpoint a minute. */
const MAX_LISTED = 1_000_000;

export class S3Bucket implements TileStore {
  readonly name: string;
  readonly #config: S3Config;
  #client: Promise<AwsClient> | undefined;

  constructor(config: S3Config) {
    this.#config = config;
    this.name = `s3://${config.bucket}/${config.prefix}`;
  }

  read(path: string): Promise<Buffer | undefined> {
    return this.#read(path, '', MAX_TILE_BYTES);
  }

  /** One version of an object, as `versions` named it. Undefined if it is gone. */
  readVersion(path: string, version: string, maxBytes: number): Promise<Buffer | undefined> {
    return this.#read(path, `?versionId=${encodeURIComponent(version)}`, maxBytes);
  }

  /**
   * Every version of every object whose name begins with `start`, in order: also what was written over or marked as deleted since.
   * @throws {SluiceError} ledger_unavailable, also for a listing that does not end
   */
  async *versions(start: string): AsyncGenerator<ListedVersion, void, void> {
    const { prefix } = this.#config;
    let marker = '';
    for (let listed = 0; ; ) {
      const query = `versions&prefix=${encodeURIComponent(`${prefix}${start}`)}${marker}`;
      const page = pageOf((await this.#read('', `?${query}`, MAX_PAGE_BYTES, true)) ?? Buffer.alloc(0));
      listed += page?.versions.length ?? 0;
      if (page === undefined || listed > MAX_LISTED)
        throw new SluiceError('ledger_unavailable', `${this.name}: the storage lists what is no listing`);
      for (const { path, ...one } of page.versions)
        if (path.startsWith(`${prefix}${start}`)) yield { ...one, path: path.slice(prefix.length) };
      if (page.next === undefined) return;
      const [key, version] = page.next;
      marker = `&key-marker=${encodeURIComponent(key)}&version-id-marker=${encodeURIComponent(version)}`;
    }
  }

  /** @param ofBucket what is asked for is no object, but something of the bucket itself */
  async #read(path: string, query: string, maxBytes: number, ofBucket = false): Promise<Buffer | undefined> {
    const answer = await this.#ask('GET', `${path}${query}`, undefined, {}, ofBucket);
    if (answer === undefined) return undefined;
    try {
      return await readBody(answer, maxBytes);
    } catch (cause) {
      const reason = cause instanceof RangeError ? 'is too large' : 'cannot be read to its end';
      throw new SluiceError('ledger_unavailable', `${this.name}${path} ${reason}`, { cause });
    }
  }

  async write(parts: ReadonlyMap<string, Buffer>): Promise<void> {
    const waiting = [...parts];
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await this.put(...next);
    };
    await Promise.all(Array.from({ length: PUTS }, work));
  }

  replace(path: string, bytes: Buffer): Promise<void> {
    return this.put(path, bytes);
  }

  /** Partial tiles stay: a rule of the bucket may expire them, and listing them here would cost more than they do. */
  async remove(_path: string): Promise<void> {}

  async destroy(path: string): Promise<void> {
    await this.#ask('DELETE', path);
  }

  /** Stores an object; kept by the storage when it resolves. `headers` go with it, such as those of an object lock. */
  async put(path: string, bytes: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#ask('PUT', path, bytes, { 'content-md5': hash('md5', bytes, 'base64'), ...headers });
  }

  /** @returns undefined if there is no such object */
  async #ask(
    method: 'GET' | 'PUT' | 'DELETE',
    path: string,
    body?: Buffer,
    headers: Readonly<Record<string, string>> = {},
    ofBucket = false,
  ): Promise<Response | undefined> {
    const { endpoint, bucket, prefix } = this.#config;
    const url = `${endpoint.replace(/\/+$/, '')}/${bucket}${ofBucket ? '' : `/${prefix}`}${path}`;
    let answer: Response;
    try {
      answer = await (await this.#connect()).fetch(url, {
        method,
        redirect: 'error',
        headers: { ...headers },
        ...(body === undefined ? {} : { body: new Uint8Array(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      throw new SluiceError('ledger_unavailable', `${this.name}${path} cannot be reached`, { cause });
    }
    if (answer.ok) return answer;
    await answer.body?.cancel();
    if (answer.status === 404 && method !== 'PUT') return undefined;
    throw new SluiceError('ledger_unavailable', `${this.name}${path}: the storage answers ${answer.status}`);
  }

  /** Loaded when it is needed: most ledgers lie on a disk. */
  #connect(): Promise<AwsClient> {
    const { region, accessKeyId, secretAccessKey } = this.#config;
    this.#client ??= import('aws4fetch').then(
      ({ AwsClient: Client }) =>
        new Client({ service: 's3', region, accessKeyId, secretAccessKey, retries: RETRIES }),
    );
    return this.#client;
  }
}
