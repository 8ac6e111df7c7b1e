/**
 * Second places for checkpoints: a directory on another disk, an address, object storage under a lock. Whoever rewrites the log, key or not,
 * does not get at what lies there.
 */
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { S3Bucket, type S3Config } from './s3-bucket.ts';
import { readWholeFile, replaceWholeFile } from './whole-file.ts';

/** Plain data: it crosses threads. */
export type AnchorConfig =
  | { readonly kind: 'directory'; readonly directory: string }
  | { readonly kind: 'webhook'; readonly url: string; readonly secret?: string }
  | { readonly kind: 's3'; readonly bucket: S3Config; readonly retainDays: number };

export interface Anchor {
  /** For people. */
  readonly name: string;
  /** Keeps a checkpoint; kept when it resolves. @throws {SluiceError} ledger_*; else the file system's own errors */
  keep(checkpoint: string, size: number): Promise<void>;
}

/** What the names of checkpoints in a bucket begin with. */
export const CHECKPOINTS = 'checkpoints/';

const TIMEOUT_MS = 10_000;
const DAY_MS = 86_400_000;

export function createAnchor(
  config: AnchorConfig,
  now: () => number = Date.now,
  fileSystem: LedgerFileSystem = nodeFileSystem,
): Anchor {
  switch (config.kind) {
    case 'directory':
      return directoryAnchor(config.directory, fileSystem);
    case 'webhook':
      return webhookAnchor(config.url, config.secret);
    case 's3':
      return bucketAnchor(config.bucket, config.retainDays, now);
  }
}

/** How often it is looked whether somebody else keeps checkpoints in a directory: there may be half a million of them. */
const LOOK_MS = 3_600_000;

/**
 * One file a checkpoint, named by its size: nothing is ever replaced by something else. What is there and is no beginning of this log is
 * evidence: that it was rolled back to a copy, or that another one grows from a copy of it.
 */
function directoryAnchor(directory: string, fileSystem: LedgerFileSystem): Anchor {
  let lookedAt = Number.NEGATIVE_INFINITY;
  const look = (size: number): void => {
    if (performance.now() - lookedAt < LOOK_MS) return;
    const sizes = fileSystem.list(directory).filter((name) => NAME.test(name));
    const newest = sizes.reduce((last, name) => Math.max(last, Number.parseInt(name, 10)), 0);
    if (newest > size)
      throw contradicts(directory, `it has one of ${newest} entries, and the log has ${size}`);
    lookedAt = performance.now();
  };
  return {
    name: directory,
    keep: async (checkpoint, size) => {
      fileSystem.makeDirectory(directory);
      look(size);
      const path = join(directory, nameOf(size));
      const present = readWholeFile(fileSystem, path);
      if (present === undefined) await replaceWholeFile(fileSystem, path, checkpoint, 0o600);
      else if (bodyOf(present) !== bodyOf(checkpoint))
        throw contradicts(directory, `it has another one of ${size} entries`);
    },
  };
}

function contradicts(directory: string, how: string): SluiceError {
  return new SluiceError('ledger_corrupt', `the checkpoints in ${directory} are not of this log: ${how}`, {
    hint: 'Find out whether the log was restored from a copy, or another gateway runs on one. Keep what is there, and give this log a directory of its own.',
  });
}

/** What is signed. */
const bodyOf = (checkpoint: string): string => checkpoint.slice(0, checkpoint.indexOf('\n\n'));

/** Posts the checkpoint; with a secret, its HMAC-SHA256 in hex stands in `x-sluice-signature`. */
function webhookAnchor(url: string, secret: string | undefined): Anchor {
  const name = new URL(url).origin;
  return {
    name,
    keep: async (checkpoint) => {
      const signature =
        secret === undefined ? undefined : createHmac('sha256', secret).update(checkpoint).digest('hex');
      let status: number;
      try {
        const answer = await fetch(url, {
          method: 'POST',
          headers: {
            'content-type': 'text/plain; charset=utf-8',
            ...(signature === undefined ? {} : { 'x-sluice-signature': `sha256=${signature}` }),
          },
          body: checkpoint,
          redirect: 'error',
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        status = answer.status;
        await answer.body?.cancel();
      } catch (cause) {
        throw new SluiceError('ledger_unavailable', `${name} does not answer`, { cause });
      }
      if (status < 200 || status > 299)
        throw new SluiceError('ledger_unavailable', `${name} answers ${status}`);
    },
  };
}

/** An object that nobody can replace or remove for so long, the account's root included, where the bucket has object lock. */
function bucketAnchor(config: S3Config, retainDays: number, now: () => number): Anchor {
  const bucket = new S3Bucket(config);
  return {
    name: bucket.name,
    keep: (checkpoint, size) => {
      const until = new Date(now() + retainDays * DAY_MS).toISOString();
      const lock = { 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': until };
      return bucket.put(
        `${CHECKPOINTS}${nameOf(size)}`,
        Buffer.from(checkpoint),
        retainDays === 0 ? {} : lock,
      );
    },
  };
}

const NAME = /^\d{16}\.checkpoint$/;
const nameOf = (size: number): string => `${String(size).padStart(16, '0')}.checkpoint`;
