/** The thread's side of `supervised-thread.ts`: what a program that runs in one does. */
import { parentPort, workerData } from 'node:worker_threads';
import { asSluiceError } from '../errors/sluice-error.ts';
import type { ThreadCommand, ThreadReply } from './supervised-thread.ts';

/** What runs in a thread. */
export type ThreadWork = Readonly<Record<ThreadCommand, () => Promise<void>>>;

/** Starts the work of this thread with its data, and does what it is told. Call once. */
export async function runInThread<Data, Status>(
  start: (data: Data, onStatus: (status: Status) => void) => Promise<ThreadWork>,
): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('this file is a thread of the gateway, not a program');
  const say = (reply: ThreadReply<Status>): void => port.postMessage(reply);
  try {
    const work = await start(workerData as Data, (status) => say({ status }));
    port.on('message', async (command: ThreadCommand) => {
      await work[command]();
      say({ done: command });
      if (command === 'close') port.close();
    });
    say({ started: true });
  } catch (cause) {
    const { code, message, hint } = asSluiceError(cause);
    say({ error: hint === undefined ? { code, message } : { code, message, hint } });
    port.close();
  }
}
