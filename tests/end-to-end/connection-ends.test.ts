/** Ends of a connection at any moment and from any side: nothing is left behind, and nobody else notices. */
import { createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server that accepts and says nothing. */
async function startSilentServer(): Promise<{ port: number; sockets: Socket[]; server: Server }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, sockets, server };
}

describe('while its backend is being opened', () => {
  let gate: Gate;
  let silent: Awaited<ReturnType<typeof startSilentServer>>;
  beforeAll(async () => {
    silent = await startSilentServer();
    gate = await startGate({
      upstream: { host: '127.0.0.1', port: silent.port },
      yaml: 'limits: { upstreamConnectTimeout: 3s }\n',
    });
  });
  afterAll(async () => {
    await gate.stop();
    for (const socket of silent.sockets) socket.destroy();
    silent.server.close();
  });

  test.each(['reset', 'end', 'destroy'] as const)(
    'a client over TLS that goes away by %s hurts nobody',
    async (how) => {
      const client = new pg.Client({
        ...(await gate.connection('alice')),
        ssl: { rejectUnauthorized: false },
      });
      client.on('error', () => undefined);
      client.connect().catch(() => undefined);
      await sleep(400);
      const { stream } = (client as unknown as { connection: { stream: Socket & { _parent?: Socket } } })
        .connection;
      if (how === 'reset') stream._parent?.resetAndDestroy();
      else stream[how]();
      await sleep(300);
      expect((await fetch(`${gate.httpUrl}/healthz`)).status).toBe(200);
    },
  );
});
