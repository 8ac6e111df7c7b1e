/** How the configuration's `ledger` section becomes a sequencer. */
import { join } from 'node:path';
import type { Config, LedgerStorage } from '../config/config.ts';
import type { AnchorConfig } from '../ledger/anchor.ts';
import type { S3Config } from '../ledger/s3-bucket.ts';
import type { SequencerConfig } from '../ledger/start-sequencer.ts';

export function sequencerConfig({ dataDir, ledger }: Pick<Config, 'dataDir' | 'ledger'>): SequencerConfig {
  const { origin, witnesses, anchors, anchorIntervalMs, tiles } = ledger;
  const places = anchorConfigs(anchors);
  const isPublic = witnesses.length > 0 || places.length > 0;
  return {
    directory: join(dataDir, 'ledger'),
    ...(origin === undefined ? {} : { origin }),
    ...(tiles === undefined ? {} : { tiles: storageConfig(tiles) }),
    ...(isPublic ? { publicity: { witnesses, anchors: places, anchorIntervalMs } } : {}),
  };
}

export function storageConfig({ secretAccessKey, ...storage }: LedgerStorage): S3Config {
  return { ...storage, secretAccessKey: secretAccessKey?.reveal() ?? '' };
}

function anchorConfigs({ directory, webhook, storage }: Config['ledger']['anchors']): AnchorConfig[] {
  const secret = webhook?.secret?.reveal();
  return [
    ...(directory === undefined ? [] : [{ kind: 'directory' as const, directory }]),
    ...(webhook === undefined
      ? []
      : [{ kind: 'webhook' as const, url: webhook.url, ...(secret === undefined ? {} : { secret }) }]),
    ...(storage === undefined
      ? []
      : [{ kind: 's3' as const, bucket: storageConfig(storage), retainDays: storage.retainDays }]),
  ];
}
