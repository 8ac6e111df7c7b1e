/** What a web server, object storage or a witness can answer to whoever reads a log from it. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpSource } from './http-source.ts';
import { S3Bucket } from './s3-bucket.ts';
import { noteKey } from './signed-note.ts';
import { verifyLedger } from './verify.ts';
import { Witness } from './witness.ts';

let server: Server;
let address: string;
let answer: (response: ServerResponse, url: string) => void;
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    request.resume();
    answer(response, request.url ?? '');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const key = noteKey('witness.example/w', 'witness', generateKeyPairSync('ed25519').publicKey);
const keys = { accessKeyId: 'a', secretAccessKey: 's', region: 'r', bucket: 'b', prefix: '' };
const NOTHING = { name: 'nothing', read: async () => undefined };

const readers: [string, () => Promise<unknown>][] = [
  ['a web server', () => new HttpSource(address).read('checkpoint')],
  ['a web server, to verify', () => verifyLedger(address)],
  ['object storage', () => new S3Bucket({ ...keys, endpoint: address }).read('checkpoint')],
  [
    'a witness',
    () => new Witness(key, address).cosign(`log\n0\n${'A'.repeat(43)}=\n\n\u2014 l AAAA\n`, NOTHING),
  ],
];

describe.each(readers)('%s', (_, read) => {
  it('that answers without an end is not listened to for ever', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    const endless = function* () {
      for (;;) yield chunk;
    };
    answer = (response) => void pipeline(Readable.from(endless()), response.writeHead(200), () => {});
    await expect(read()).rejects.toMatchObject({ code: 'ledger_unavailable' });
  });

  it('that breaks off is no end', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    };
    await expect(read()).rejects.toMatchObject({ code: 'ledger_unavailable' });
  });

  it('cannot send anybody elsewhere', async () => {
    answer = (response, url) =>
      void response.writeHead(307, { location: `${address}/elsewhere${url}` }).end();
    await expect(read()).rejects.toMatchObject({ code: 'ledger_unavailable' });
    expect(asked.some((url) => url.startsWith('/elsewhere'))).toBe(false);
  });
});

describe('a witness that has seen', () => {
  const checkpoint = `log\n5\n${'A'.repeat(43)}=\n\n\u2014 l AAAAAAAAAA==\n`;

  it.each(['-5', '', 'NaN', '1e1', '0x1', ' 3', '3\n4', `${'9'.repeat(60_000)}`, '\u001b[2J'])(
    '%j entries says nothing',
    async (size) => {
      answer = (response) => void response.writeHead(409).end(size);
      const failed = await new Witness(key, address).cosign(checkpoint, NOTHING).catch((thrown) => thrown);
      expect(failed.message).toBe(
        'the witness witness.example/w does not cosign: it does not say how many entries it has seen',
      );
    },
  );

  it('more entries than there are is told of', async () => {
    answer = (response) => void response.writeHead(409).end('6\n');
    await expect(new Witness(key, address).cosign(checkpoint, NOTHING)).rejects.toThrow(
      'it has seen 6 entries, and the log has 5',
    );
  });
});
