/** The thread that answers searches. Started by `start-index.ts` only. */
import { parentPort, workerData } from 'node:worker_threads';
import { asSluiceError } from '../errors/sluice-error.ts';
import { S3Bucket } from '../ledger/s3-bucket.ts';
import { placeOf } from './index-place.ts';
import { IndexSearcher } from './index-searcher.ts';
import type { IndexConfig, SearchQuestion, SearchReply } from './start-index.ts';

const port = parentPort;
if (port === null) throw new Error('this file is a thread of the gateway, not a program');

const config = workerData as IndexConfig;
const { directory, tiles } = config;
const searcher = new IndexSearcher({
  ...{ directory, place: placeOf(config) },
  ...(tiles === undefined ? {} : { source: new S3Bucket(tiles) }),
});

port.on('message', async (question: SearchQuestion | 'close') => {
  if (question === 'close') {
    await searcher.close();
    port.close();
    return;
  }
  port.postMessage(await answer(question));
});

async function answer({ id, call, argument }: SearchQuestion): Promise<SearchReply> {
  try {
    return { id, value: await searcher[call](argument as never) };
  } catch (thrown) {
    const { code, message, detail, hint } = asSluiceError(thrown);
    return {
      id,
      error: {
        code,
        message,
        ...(detail === undefined ? {} : { detail }),
        ...(hint === undefined ? {} : { hint }),
      },
    };
  }
}
