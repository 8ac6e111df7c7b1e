/** Ends a socket for certain: whoever does not close their side is not waited for. */
import type { Socket } from 'node:net';

/** How long a client may take to read its last words. */
const LAST_WORDS_MS = 5_000;

/** Sends what is pending and, behind it, last words; then the socket is closed, by the other side or after five seconds. */
export function endSocket(socket: Socket, lastWords?: Buffer): void {
  socket.on('error', () => {});
  if (lastWords === undefined) socket.end();
  else socket.end(lastWords);
  const timer = setTimeout(() => socket.destroy(), LAST_WORDS_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
}
