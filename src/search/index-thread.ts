/** The thread that keeps the index up. Gives way to everything else on the machine. Started by `start-index.ts` only. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { S3Bucket } from '../ledger/s3-bucket.ts';
import { IndexLoop } from './index-loop.ts';
import { placeOf } from './index-place.ts';
import type { IndexCommand, IndexConfig, IndexNews } from './start-index.ts';

const port = parentPort;
if (port === null) throw new Error('this file is a thread of the gateway, not a program');

const NICE = 10;
try {
  // On Linux, 0 is this thread alone; elsewhere it would be the whole process.
  if (process.platform === 'linux') setPriority(0, NICE);
} catch {
  // A container may forbid it; the index is then only less polite.
}

const say = (news: IndexNews) => port.postMessage(news);
const config = workerData as IndexConfig;
const { directory, tiles, behaviour } = config;
const loop = new IndexLoop({
  ...{ directory, place: placeOf(config) },
  ...(tiles === undefined ? {} : { source: new S3Bucket(tiles) }),
  onStatus: (status) => say({ status }),
  ...(behaviour && {
    behaviour: {
      ...behaviour,
      onFindings: (findings) => say({ findings }),
      onDeviations: (deviations) => say({ deviations }),
    },
  }),
});
port.on('message', (command: IndexCommand) => {
  if (command === 'rebuild') loop.rebuild('it was asked for');
  else loop.stop();
});
await loop.run();
port.close();
