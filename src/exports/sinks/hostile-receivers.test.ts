/** Receivers that answer what no receiver should: they cost what is sent to them, and nothing else. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../../../tests/support/certificates.ts';
import { Secret } from '../../config/secret.ts';
import { KafkaSink } from './kafka-sink.ts';
import { OtlpSink } from './otlp-sink.ts';
import type { ExportItem, Sink } from './sink.ts';
import { StorageSink } from './storage-sink.ts';
import { SyslogSink } from './syslog-sink.ts';
import { WebhookSink } from './webhook-sink.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const ITEM: ExportItem = {
  entry: {
    seq: 1,
    id: '0.1',
    lane: 0,
    at: Date.UTC(2027, 0, 1),
    event: { kind: 'token-revoked', token: 't' },
  } as never,
  ...{ context: undefined, statement: undefined, body: { token: 't' }, json: '{"token":"t"}' },
};

async function listening(server: Server | TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

let answer: (response: ServerResponse) => void;
let asked: string[];
let url: string;
beforeEach(async () => {
  asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    request.resume();
    response.on('error', () => {});
    answer(response);
  });
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  url = `http://127.0.0.1:${await listening(server)}/in`;
});

const secret = new Secret('k'.repeat(32));
const HTTP: readonly [string, (timeoutMs?: number) => Sink][] = [
  ['a webhook', (timeoutMs = 60_000) => new WebhookSink('x', { kind: 'webhook', url, secret, timeoutMs })],
  [
    'a collector',
    (timeoutMs = 60_000) =>
      new OtlpSink({ kind: 'otlp', url, encoding: 'json', headers: new Map(), timeoutMs }, '1'),
  ],
];

/** Sends without an end, as fast as it is read; resolves with how much was taken when nobody reads any more. */
function endless(response: ServerResponse): Promise<number> {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let taken = 0;
  const more = (): void => {
    while (!response.destroyed && response.write(chunk)) taken += chunk.length;
    taken += chunk.length;
  };
  response.on('drain', more);
  const gone = once(response, 'close').then(() => taken);
  more();
  return gone;
}

describe.each(HTTP)('%s', (_name, sinkOf) => {
  it('that takes it and then talks without an end has taken it', async () => {
    let taken: Promise<number> | undefined;
    answer = (response) => {
      taken = endless(response.writeHead(200));
    };
    await sinkOf().send([ITEM]);
    expect(await taken).toBeLessThan(64 * 1024 * 1024);
  });

  it('that breaks off may not have taken it', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half', () => response.destroy());
    };
    await expect(sinkOf().send([ITEM])).rejects.toThrow(/^(the request failed|UND_ERR_SOCKET)$/);
  });

  it('that fails and talks without an end has failed', async () => {
    let taken: Promise<number> | undefined;
    answer = (response) => {
      taken = endless(response.writeHead(503));
    };
    await expect(sinkOf().send([ITEM])).rejects.toThrow('answers 503');
    expect(await taken).toBeLessThan(64 * 1024 * 1024);
  });

  it('that never begins to answer is left', async () => {
    answer = () => {};
    await expect(sinkOf(200).send([ITEM])).rejects.toThrow('no answer in time');
  });

  it.each([301, 302, 307, 308])('that answers %i is not followed', async (status) => {
    answer = (response) => void response.writeHead(status, { location: '/elsewhere' }).end();
    await expect(sinkOf().send([ITEM])).rejects.toThrow();
    expect(asked).toEqual(['/in']);
  });

  it('that wants to be left alone for ever is tried again when we say so', async () => {
    answer = (response) => void response.writeHead(429, { 'retry-after': '999999999' }).end();
    await expect(sinkOf().send([ITEM])).rejects.toThrow('answers 429');
  });
});

it('object storage that claims to have stored something else has its word', async () => {
  answer = (response) => void response.writeHead(200, { etag: '"0"' }).end();
  const storage = {
    ...{ endpoint: new URL(url).origin, bucket: 'b', region: 'r', prefix: '', accessKeyId: 'a' },
    secretAccessKey: secret,
  };
  const sink = new StorageSink({ kind: 'storage', storage, everyMs: 0 } as never);
  await sink.send([ITEM]);
  expect(asked).toEqual(['/b/2027/01/01/0000000000000001.jsonl.gz']);
});

it('a broker that answers nothing is left, and can be ended', async () => {
  const server = createTcpServer((socket) => socket.on('error', () => {}).resume());
  closing.push(() => server.close());
  const brokers = [`127.0.0.1:${await listening(server)}`];
  const sink = new KafkaSink({ kind: 'kafka', brokers, topic: 't', timeoutMs: 200 } as never);
  await expect(sink.send([ITEM])).rejects.toThrow();
  expect(await sink.close()).toBe(true);
});

it('a syslog receiver with a certificate for another name gets nothing', async () => {
  const authority = createAuthority('test');
  const other = authority.issue({ subject: { CN: 'siem' }, hosts: ['siem.example.com'] });
  const got: Buffer[] = [];
  const server = createTlsServer({ cert: other.cert, key: other.key }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => got.push(chunk));
  });
  server.on('tlsClientError', () => {});
  closing.push(() => server.close());
  const port = await listening(server);
  for (const host of ['127.0.0.1', 'localhost']) {
    const config = { kind: 'syslog', host, port, appName: 'sluice', timeoutMs: 5000 } as const;
    const sink = new SyslogSink({ ...config, tls: { ca: authority.cert } });
    await expect(sink.send([ITEM])).rejects.toThrow('ERR_TLS_CERT_ALTNAME_INVALID');
  }
  expect(got).toEqual([]);
});
