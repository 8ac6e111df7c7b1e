/** What receivers get on the wire, from servers of the tests' own. Real products are in tests/compat/exports.test.ts. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthority } from '../../../tests/support/certificates.ts';
import { Secret } from '../../config/secret.ts';
import type { LedgerEvent } from '../../model/ledger-entry.ts';
import { FileSink } from './file-sink.ts';
import { OtlpSink } from './otlp-sink.ts';
import { type ExportItem, RejectedError } from './sink.ts';
import { SyslogSink } from './syslog-sink.ts';
import { WebhookSink } from './webhook-sink.ts';

const AT = Date.UTC(2027, 0, 2, 3, 4, 5, 678);

function item(seq: number, event: LedgerEvent = { kind: 'token-revoked', token: `t${seq} ‹ü›` }): ExportItem {
  const entry = { seq, id: `0.${seq}`, lane: 0, at: AT, event };
  const body = { seq, ...event };
  return { entry, context: undefined, statement: undefined, body, json: JSON.stringify(body) };
}
const items = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => item(from + index));

let directory: string;
const closing: (() => unknown)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-sinks-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(directory, { recursive: true });
});

describe('a file', () => {
  const path = () => join(directory, 'deep', 'ledger.jsonl');
  const sinkOf = (maxBytes = 1_000_000, keep = 2) =>
    new FileSink({ kind: 'file', path: path(), maxBytes, keep });
  const seqs = (file = path()) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).seq);

  it('gets a line an entry, for its owner only, also after a restart', async () => {
    for (const from of [0, 3]) {
      const sink = sinkOf();
      await sink.send(items(from, 3));
      await sink.close();
    }
    expect(seqs()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it('is renamed when it is large, and only so many are kept', async () => {
    const sink = sinkOf(100, 2);
    for (let from = 0; from < 8; from += 2) await sink.send(items(from, 2));
    await sink.close();
    expect(readdirSync(join(directory, 'deep')).sort()).toEqual([
      'ledger.jsonl',
      'ledger.jsonl.1',
      'ledger.jsonl.2',
    ]);
    expect([seqs(`${path()}.2`), seqs(`${path()}.1`), seqs()]).toEqual([
      [2, 3],
      [4, 5],
      [6, 7],
    ]);
  });

  it('goes on after others renamed it, and after a crash in the middle of a line', async () => {
    const sink = sinkOf();
    await sink.send(items(0, 1));
    renameSync(path(), `${path()}.moved`);
    await sink.send(items(1, 1));
    await sink.close();
    expect([seqs(`${path()}.moved`), seqs()]).toEqual([[0], [1]]);
    writeFileSync(path(), `${readFileSync(path(), 'utf8')}{"seq":2,"half":"${'x'.repeat(200_000)}`);
    const next = sinkOf();
    await next.send(items(2, 1));
    await next.close();
    expect(seqs()).toEqual([1, 2]);
  });

  it('that cannot be written is an error with its reason, and no more', async () => {
    writeFileSync(join(directory, 'deep'), 'a file stands in the way');
    await expect(sinkOf().send(items(0, 1))).rejects.toThrow(/cannot write .*: (EEXIST|ENOTDIR)/);
  });
});

interface Got {
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

async function httpReceiver(status: () => number): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = [];
  const server: Server = createHttpServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    got.push({ headers: request.headers, body: Buffer.concat(chunks) });
    response.writeHead(status(), { location: '/elsewhere' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`, got };
}

describe('a webhook', () => {
  it('gets signed batches, whose id is that of the entries', async () => {
    const { url, got } = await httpReceiver(() => 202);
    const key = Buffer.alloc(24, 7);
    const secret = new Secret(`whsec_${key.toString('base64')}`);
    const sink = new WebhookSink('my.siem', { kind: 'webhook', url, secret, timeoutMs: 5000 });
    await sink.send(items(5, 3));
    const [{ headers, body } = { headers: {}, body: Buffer.alloc(0) }] = got;
    expect(JSON.parse(body.toString())).toMatchObject({
      type: 'ledger.entries',
      data: [{ seq: 5 }, { seq: 6 }, { seq: 7, token: 't7 ‹ü›' }],
    });
    expect(headers['webhook-id']).toBe('ledger_my-siem_5_7');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const signature = createHmac('sha256', key).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
  });

  it.each([
    [400, true],
    [413, true],
    [422, true],
    [302, false],
    [401, false],
    [404, false],
    [429, false],
    [500, false],
  ])('that answers %i refuses for good: %s', async (status, forGood) => {
    const { url } = await httpReceiver(() => status);
    const secret = new Secret('k'.repeat(32));
    const sink = new WebhookSink('x', { kind: 'webhook', url, secret, timeoutMs: 5000 });
    const failure = await sink.send(items(0, 1)).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(Error);
    expect(failure instanceof RejectedError).toBe(forGood);
  });
});

describe('an OpenTelemetry collector', () => {
  it('gets log records as JSON, with the headers it wants', async () => {
    const { url, got } = await httpReceiver(() => 200);
    const headers = new Map([['authorization', new Secret('Bearer abc')]]);
    const sink = new OtlpSink({ kind: 'otlp', url, encoding: 'json', headers, timeoutMs: 5000 }, '1.2.3');
    await sink.send([
      item(5),
      item(6, { kind: 'authentication-failed', user: 'u', database: 'd', client: 'c', code: 'x' }),
    ]);
    expect(got[0]?.headers).toMatchObject({
      authorization: 'Bearer abc',
      'content-type': 'application/json',
    });
    const { resourceLogs } = JSON.parse(got[0]?.body.toString() ?? '');
    expect(resourceLogs[0].resource.attributes).toContainEqual({
      key: 'service.name',
      value: { stringValue: 'sluice' },
    });
    const [first, second] = resourceLogs[0].scopeLogs[0].logRecords;
    expect(first).toMatchObject({
      ...{ timeUnixNano: `${AT}000000`, severityNumber: 9, eventName: 'sluice.token-revoked' },
      body: {
        kvlistValue: { values: expect.arrayContaining([{ key: 'token', value: { stringValue: 't5 ‹ü›' } }]) },
      },
    });
    expect(first.attributes).toContainEqual({ key: 'sluice.seq', value: { intValue: 5 } });
    expect(second).toMatchObject({ severityNumber: 13, severityText: 'WARN' });
  });

  it('that is not there, or answers nothing, is an error that tells no secret', async () => {
    const headers = new Map([['authorization', new Secret('Bearer abc')]]);
    const config = { kind: 'otlp', encoding: 'protobuf', headers, timeoutMs: 300 } as const;
    const gone = new OtlpSink({ ...config, url: 'http://127.0.0.1:1/v1/logs' }, '1');
    await expect(gone.send(items(0, 1))).rejects.toThrow(/^ECONNREFUSED$|^the request failed$/);
    const silent = createHttpServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    closing.push(
      () => silent.closeAllConnections(),
      () => silent.close(),
    );
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await expect(new OtlpSink({ ...config, url }, '1').send(items(0, 1))).rejects.toThrow(
      'no answer in time',
    );
  });
});

describe('a syslog receiver', () => {
  async function receiver() {
    const authority = createAuthority('test');
    const own = authority.issue({ subject: { CN: 'siem' }, hosts: ['127.0.0.1'] });
    const sockets: TLSSocket[] = [];
    const chunks: Buffer[] = [];
    const server = createTlsServer({ cert: own.cert, key: own.key, ca: authority.cert, requestCert: true });
    server.on('secureConnection', (socket) => {
      sockets.push(socket);
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('error', () => {});
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(
      () => server.close(),
      () => sockets.forEach((socket) => void socket.destroy()),
    );
    const shown = authority.issue({ subject: { CN: 'sluice' } });
    const { port } = server.address() as AddressInfo;
    const config = { kind: 'syslog', host: '127.0.0.1', port, appName: 'sluice', timeoutMs: 5000 } as const;
    const keyPair = { cert: shown.cert, key: new Secret(shown.key) };
    const sink = new SyslogSink({ ...config, tls: { ca: authority.cert, keyPair } });
    return { sink, sockets, messages: () => messagesIn(Buffer.concat(chunks)), config };
  }

  /** RFC 5425: the length in bytes, a space, the message. */
  function messagesIn(bytes: Buffer): string[] {
    const messages: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const space = bytes.indexOf(' ', at);
      const length = Number(bytes.toString('latin1', at, space));
      expect(length).toBeGreaterThan(0);
      messages.push(bytes.toString('utf8', space + 1, space + 1 + length));
      at = space + 1 + length;
    }
    return messages;
  }

  it('gets framed messages of RFC 5424 from whom it knows', async () => {
    const { sink, sockets, messages } = await receiver();
    await sink.send([
      ...items(0, 2),
      item(2, { kind: 'authentication-failed', user: 'u', database: 'd', client: 'c', code: 'x' }),
    ]);
    await vi.waitFor(() => expect(messages()).toHaveLength(3), { timeout: 25_000 });
    const format =
      /^<110>1 2027-01-02T03:04:05\.678Z \S+ sluice \d+ token-revoked \[meta sequenceId="1"\] \u{feff}(\{.*\})$/u;
    const [, json = ''] = format.exec(messages()[0] ?? '') ?? [];
    expect(JSON.parse(json)).toEqual({ seq: 0, kind: 'token-revoked', token: 't0 ‹ü›' });
    expect(messages()[2]).toMatch(/^<108>1 /);
    expect(sockets[0]?.getPeerCertificate().subject).toMatchObject({ CN: 'sluice' });
    expect(await sink.close()).toBe(true);
  });

  it('whose connection breaks is known to be broken, and connected anew', async () => {
    const { sink, sockets, messages } = await receiver();
    await sink.send(items(0, 1));
    await vi.waitFor(() => expect(messages()).toHaveLength(1), { timeout: 25_000 });
    sockets[0]?.destroy();
    await vi.waitFor(() => expect(sink.check()).toBeInstanceOf(Error), { timeout: 25_000 });
    expect(sink.check()).toBeUndefined();
    await sink.send(items(1, 1));
    await vi.waitFor(() => expect(messages()).toHaveLength(2), { timeout: 25_000 });
    expect(sockets).toHaveLength(2);
    await sink.close();
  });

  it('that nobody vouches for gets nothing', async () => {
    const { config, messages } = await receiver();
    const stranger = new SyslogSink({ ...config, tls: { ca: createAuthority('other').cert } });
    await expect(stranger.send(items(0, 1))).rejects.toThrow(/CERT|SIGNATURE|VERIFY/);
    expect(await stranger.close()).toBe(false);
    expect(messages()).toEqual([]);
  });
});
