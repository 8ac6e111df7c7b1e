/** Answers too large to be kept: compared by their number of frames, their bytes and a digest, as they pass. */
import { createHash } from 'node:crypto';
import {
  BACKEND_TYPE as B,
  backendFrameLimit,
  FrameWalker,
  wholeFramesExcept,
} from '../../../src/wire/postgres/index.ts';
import { WireClient, type WireTarget } from '../../support/wire-client.ts';

export interface StreamDigest {
  /** DataRow, CopyData and FunctionCallResponse. */
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Sends messages and digests all that comes up to the `ends`-th ReadyForQuery. @throws {Error} if the connection ends first */
export async function digestAnswer(
  target: WireTarget,
  frames: readonly Buffer[],
  ends = 1,
): Promise<StreamDigest> {
  const client = await WireClient.open(target);
  const { socket } = client;
  socket.removeAllListeners('data');
  const hash = createHash('sha256');
  const walker = new FrameWalker({
    whole: wholeFramesExcept(B.DataRow, B.CopyData, B.FunctionCallResponse),
    maxFrameBytes: backendFrameLimit(1 << 20),
  });
  let [rows, bytes, left] = [0, 0, ends];
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('close', () => reject(new Error('the connection was closed')));
      socket.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        bytes += chunk.length;
        walker.walk(chunk, {
          onRows: (count) => {
            rows += count;
          },
          onFrame: (type) => {
            if (type === B.ReadyForQuery) left -= 1;
          },
        });
        if (left === 0) resolve();
      });
      for (const frame of frames) socket.write(frame);
    });
  } finally {
    client.close();
  }
  return { rows, bytes, sha256: hash.digest('hex') };
}
