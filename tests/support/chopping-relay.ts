/** A TCP relay that cuts what passes into pieces of any length, so that frames straddle reads in either direction. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface ChoppingRelay {
  readonly port: number;
  close(): Promise<void>;
}

/** @param pieceBytes gives the length of the next piece */
export async function startChoppingRelay(
  target: { readonly host: string; readonly port: number },
  pieceBytes: () => number,
): Promise<ChoppingRelay> {
  const open = new Set<Socket>();
  const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ host: target.host, port: target.port, noDelay: true, allowHalfOpen: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy()).on('close', () => open.delete(from));
      void pump(from, to, pieceBytes);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function pump(from: Socket, to: Socket, pieceBytes: () => number): Promise<void> {
  try {
    for await (const chunk of from) {
      for (let at = 0; at < chunk.length; ) {
        const end = at + Math.max(1, pieceBytes());
        await new Promise((resolve) => to.write(chunk.subarray(at, end), resolve));
        await new Promise((resolve) => setImmediate(resolve));
        at = end;
      }
    }
    to.end();
  } catch {
    to.destroy();
  }
}
