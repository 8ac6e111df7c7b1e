/**
 * The least that any gateway on this runtime has to do: accept, connect, walk the frames of both directions, pass the bytes
 * on. No TLS, identity, policy or record. It shows how much of the distance to PgBouncer is the runtime's own.
 *
 * `node bench/relay.ts <target port>` prints the port it listens on.
 */
import { connect, createServer, type Socket } from 'node:net';

/** Counts frames without looking inside; start-up packets have no type byte. */
class Walker {
  frames = 0;
  #skip: number;
  #header = Buffer.alloc(5);
  #have = 0;
  #lengthAt: number;

  constructor(startsUntyped: boolean) {
    this.#skip = 0;
    this.#lengthAt = startsUntyped ? 0 : 1;
  }

  walk(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        at += step;
        continue;
      }
      const need = this.#lengthAt + 4;
      if (this.#have === 0 && chunk.length - at >= need) {
        this.#begin(chunk.readInt32BE(at + this.#lengthAt));
        at += need;
      } else {
        this.#header[this.#have++] = chunk[at++] as number;
        if (this.#have === need) this.#begin(this.#header.readInt32BE(this.#lengthAt));
      }
    }
  }

  #begin(length: number): void {
    this.#have = 0;
    this.#skip = length - 4;
    this.#lengthAt = 1;
    this.frames += 1;
  }
}

function relay(from: Socket, to: Socket, walker: Walker): void {
  from.on('data', (chunk) => {
    walker.walk(chunk);
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
}

const target = Number(process.argv[2]);
const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ host: '127.0.0.1', port: target, noDelay: true });
  relay(client, upstream, new Walker(true));
  relay(upstream, client, new Walker(false));
});
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  const address = server.address();
  console.log(address !== null && typeof address === 'object' ? address.port : '');
});
