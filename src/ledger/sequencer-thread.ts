/** The thread a sequencer runs in. Started by `start-sequencer.ts` only. */
import { parentPort, workerData } from 'node:worker_threads';
import { asSluiceError } from '../errors/sluice-error.ts';
import {
  runSequencer,
  type SequencerCommand,
  type SequencerConfig,
  type SequencerReply,
} from './start-sequencer.ts';

const port = parentPort;
if (port === null) throw new Error('this file is a thread of the gateway, not a program');
const say = (reply: SequencerReply): void => port.postMessage(reply);

try {
  const sequencer = await runSequencer(workerData as SequencerConfig, (status) => say({ status }));
  port.on('message', async (command: SequencerCommand) => {
    await sequencer[command]();
    say({ done: command });
    if (command === 'close') port.close();
  });
  say({ started: true });
} catch (cause) {
  const { code, message, hint } = asSluiceError(cause);
  say({ error: hint === undefined ? { code, message } : { code, message, hint } });
  port.close();
}
