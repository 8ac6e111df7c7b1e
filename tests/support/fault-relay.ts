/**
 * A TCP relay whose connections can be delayed, frozen, cut and reset at any byte, in either direction, so that tests meet a network
 * that fails. What it is told holds for the connections that are open and those to come.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** `up` goes from the client to the target. */
export type Direction = 'up' | 'down';

export interface FaultRelay {
  readonly port: number;
  /** Connections that are open. */
  readonly open: number;
  /** Bytes that have passed in a direction, over all connections. */
  passed(direction: Direction): number;
  /** Every chunk waits for so long from now on; 0 for not at all. */
  delay(ms: number): void;
  /** Nothing passes any more, and nobody is told: both ends are half-open. With a direction, only that one. */
  freeze(direction?: Direction): void;
  /** What was held back passes, and everything after it. */
  thaw(): void;
  /** Calls back with each chunk before it passes; what it returns passes in its place, and `undefined` swallows it. */
  intercept(on: ((direction: Direction, chunk: Buffer) => Buffer | undefined) | undefined): void;
  /** Ends all connections now, with a reset or in good order. */
  cut(how?: 'reset' | 'end'): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export async function startFaultRelay(target: {
  readonly host: string;
  readonly port: number;
}): Promise<FaultRelay> {
  const pairs = new Set<Pair>();
  const passed = { up: 0, down: 0 };
  const frozen = { up: false, down: false };
  let delayMs = 0;
  let interceptor: ((direction: Direction, chunk: Buffer) => Buffer | undefined) | undefined;
  let thawed = Promise.withResolvers<void>();

  async function pump(from: Socket, to: Socket, direction: Direction): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
        while (frozen[direction]) await thawed.promise;
        const shown = interceptor === undefined ? chunk : interceptor(direction, chunk);
        // The interceptor may have frozen or cut what it has seen.
        while (frozen[direction]) await thawed.promise;
        if (shown === undefined || to.destroyed) continue;
        passed[direction] += shown.length;
        if (!to.write(shown))
          await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
      }
      while (frozen[direction]) await thawed.promise;
      to.end();
    } catch {
      // A network that is frozen tells nobody that the other end has gone, either.
      while (frozen[direction]) await thawed.promise;
      to.destroy();
    }
  }

  const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ host: target.host, port: target.port, noDelay: true, allowHalfOpen: true });
    const pair = { near, far };
    pairs.add(pair);
    for (const socket of [near, far])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          if (near.destroyed && far.destroyed) pairs.delete(pair);
        });
    void pump(near, far, 'up');
    void pump(far, near, 'down');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const thaw = (): void => {
    frozen.up = false;
    frozen.down = false;
    thawed.resolve();
    thawed = Promise.withResolvers();
  };
  const cut = (how: 'reset' | 'end' = 'reset'): void => {
    for (const { near, far } of pairs) {
      for (const socket of [near, far]) {
        if (how === 'reset') socket.resetAndDestroy();
        else socket.destroy();
      }
    }
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get open() {
      return pairs.size;
    },
    passed: (direction) => passed[direction],
    delay: (ms) => {
      delayMs = ms;
    },
    freeze: (direction) => {
      if (direction !== 'down') frozen.up = true;
      if (direction !== 'up') frozen.down = true;
    },
    thaw,
    intercept: (on) => {
      interceptor = on;
    },
    cut,
    close: async () => {
      cut();
      thaw();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
