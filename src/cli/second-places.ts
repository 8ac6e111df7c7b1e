/** Where checkpoints were kept besides the log, and how they fit it: for a report that says what nobody else could vouch for. */
import { DEFAULT_ANCHOR_INTERVAL_MS } from '../config/ledger-section.ts';
import { asSluiceError } from '../errors/sluice-error.ts';
import {
  holdAgainst,
  type KeptCheckpoint,
  type KeptNote,
  type KeptWithin,
  notesAtAddress,
  notesInBucket,
  notesInDirectory,
} from '../ledger/kept-checkpoints.ts';
import { S3Bucket } from '../ledger/s3-bucket.ts';
import { pinnedKey, sourceOf } from '../ledger/verify.ts';
import type { Anchoring } from '../report/anchors-part.ts';
import type { LogState } from '../report/evidence.ts';
import { storageConfig } from '../workers/sequencing.ts';
import { type CliContext, configOf } from './cli-context.ts';
import { type PlaceOptions, tilesOf } from './ledger-place.ts';

interface SecondPlace {
  readonly name: string;
  notes(within: KeptWithin): KeptNote[] | Promise<KeptNote[]>;
}

export interface SecondPlaces {
  /** Absent if none of them could be read. */
  readonly anchoring?: Anchoring;
  readonly state: NonNullable<LogState['anchors']>;
}

/** The log that they are held against, and the time that is reported on. */
interface Reported {
  readonly place: string;
  readonly log: LogState;
  readonly within: KeptWithin;
}

/**
 * Holds what second places have against a log that verified. One of the configuration that cannot be read is said to be so: it may be that this
 * user has no key to it, and it may be that somebody does not want it to be seen.
 * @returns undefined if there is no such place, or nothing to hold against it
 * @throws {SluiceError} if one that was named in the command cannot be read
 */
export async function anchoringOf(
  context: CliContext,
  options: PlaceOptions & { readonly anchors?: readonly string[] },
  { place, log, within }: Reported,
): Promise<SecondPlaces | undefined> {
  const { vkey, checkpoint, verified } = log;
  const config = options.directory === undefined ? configOf(context, options).ledger : undefined;
  const places =
    options.anchors?.map(namedPlace) ?? (config === undefined ? [] : configured(context, options));
  if (places.length === 0 || vkey === undefined || checkpoint === undefined || verified?.ok !== true)
    return undefined;
  const source = tilesOf(context, options) ?? sourceOf(place);
  const withinMs = 3 * (config?.anchorIntervalMs ?? DEFAULT_ANCHOR_INTERVAL_MS);
  const notes: KeptNote[] = [];
  const unread: string[] = [];
  for (const one of places) {
    try {
      notes.push(...(await one.notes({ from: within.from, to: within.to + withinMs })));
    } catch (thrown) {
      if (options.anchors !== undefined) throw thrown;
      const { message } = asSluiceError(thrown);
      unread.push(`${one.name}: ${message}`);
      context.terminal.warn(`the checkpoints in ${one.name} were not looked at: ${message}`);
    }
  }
  const kept = await holdAgainst(notes, { key: pinnedKey(vkey), source, size: checkpoint.size });
  const state = { ...countOf(kept), ...(unread.length === 0 ? {} : { unread }) };
  return unread.length === places.length ? { state } : { state, anchoring: { kept, withinMs } };
}

function namedPlace(name: string): SecondPlace {
  const isAddress = /^https?:\/\//.test(name);
  return { name, notes: () => (isAddress ? notesAtAddress(name) : notesInDirectory(name)) };
}

/** A webhook's receiver keeps what it got as it likes: it is read where `--anchors` names it. */
function configured(context: CliContext, options: PlaceOptions): SecondPlace[] {
  const { directory, storage } = configOf(context, options).ledger.anchors;
  return [
    ...(directory === undefined ? [] : [namedPlace(directory)]),
    ...(storage === undefined
      ? []
      : [
          {
            name: `s3://${storage.bucket}/${storage.prefix}`,
            // The secret is read only where it is needed: an operator's shell may have none.
            notes: (within: KeptWithin) => {
              const { storage: opened = storage } = configOf(context, options, 'read').ledger.anchors;
              return notesInBucket(new S3Bucket(storageConfig(opened)), within);
            },
          },
        ]),
  ];
}

function countOf(kept: readonly KeptCheckpoint[]): { readonly kept: number; readonly unfit: number } {
  return { kept: kept.length, unfit: kept.filter(({ problem }) => problem !== undefined).length };
}
