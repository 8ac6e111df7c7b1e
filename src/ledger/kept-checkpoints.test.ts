/** What second places have of a log, read back: also where somebody put something over it, and where the place lies. */
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { publishLedger } from '../../tests/support/published-ledger.ts';
import { createAnchor } from './anchor.ts';
import { nodeFileSystem } from './file-system.ts';
import {
  holdAgainst,
  type LogToHold,
  notesAtAddress,
  notesInBucket,
  notesInDirectory,
} from './kept-checkpoints.ts';
import { Ledger } from './ledger.ts';
import { S3Bucket } from './s3-bucket.ts';
import { DirectoryStore } from './tile-store.ts';
import { pinnedKey } from './verify.ts';

const NOON = Date.UTC(2026, 10, 28, 12);
const MINUTE = 60_000;
const ALWAYS = { from: 0, to: Number.MAX_SAFE_INTEGER };

let directory: string;
let server: Server;
let endpoint: string;
let answer: (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;
/** The checkpoints of the log as it grew, and of another one of the same size. */
let checkpoints: readonly string[];
let log: LogToHold;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-kept-'));
  checkpoints = [await grown('log', 'one', 5), await grown('log', 'two', 300)];
  const key = pinnedKey(readFileSync(join(directory, 'log/vkey'), 'utf8').trim());
  log = { key, source: new DirectoryStore(nodeFileSystem, join(directory, 'log')), size: 306 };
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '', endpoint);
    void answer(request, response, url);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

async function grown(name: string, token: string, count: number): Promise<string> {
  const path = join(directory, name);
  const ledger = await Ledger.open({ directory: path });
  for (let index = 0; index < count; index++) ledger.append({ kind: 'token-revoked', token });
  await ledger.close();
  await publishLedger(path);
  return readFileSync(join(path, 'checkpoint'), 'utf8');
}

describe('object storage', () => {
  interface Version {
    readonly key: string;
    readonly id: string;
    readonly at: number;
    readonly body?: string;
  }
  let versions: Version[];

  beforeEach(() => {
    versions = [];
    answer = async (request, response, url) => {
      if (request.method === 'PUT') return put(url.pathname, await text(request), response);
      if (url.searchParams.has('versions')) return void response.end(listing(url));
      const wanted = versions.find(({ id }) => id === url.searchParams.get('versionId'));
      response.writeHead(wanted?.body === undefined ? 404 : 200).end(wanted?.body);
    };
  });

  function put(path: string, body: string, response: ServerResponse): void {
    add(path.slice('/b/'.length), body);
    response.end();
  }

  function add(key: string, body?: string): void {
    const number = versions.length;
    versions.push({
      key,
      id: `v&${number}`,
      at: NOON + number * MINUTE,
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Two a page, the newest version of a name first. */
  function listing(url: URL): string {
    const sorted = versions.toSorted((a, b) => (a.key === b.key ? b.at - a.at : a.key < b.key ? -1 : 1));
    const id = url.searchParams.get('version-id-marker');
    const from = sorted.findIndex((one) => one.id === id) + 1;
    const page = sorted.slice(from, from + 2);
    const escaped = (value: string) => value.replaceAll('&', '&amp;');
    const last = page.at(-1);
    const next =
      from + 2 < sorted.length && last !== undefined
        ? `<IsTruncated>true</IsTruncated><NextKeyMarker>${last.key}</NextKeyMarker><NextVersionIdMarker>${escaped(last.id)}</NextVersionIdMarker>`
        : '<IsTruncated>false</IsTruncated>';
    const items = page.map(({ key, id: version, at, body }) => {
      const name = body === undefined ? 'DeleteMarker' : 'Version';
      const lines = `<Key>${key}</Key><VersionId>${escaped(version)}</VersionId><LastModified>${new Date(at).toISOString()}</LastModified>`;
      return `<${name}>${lines}</${name}>`;
    });
    return `<?xml version="1.0"?><ListVersionsResult><Name>b</Name>${next}${items.join('')}</ListVersionsResult>`;
  }

  const keys = { accessKeyId: 'a', secretAccessKey: 's', region: 'r', bucket: 'b', prefix: 'p/' };
  const bucket = () => new S3Bucket({ ...keys, endpoint });

  it('gives back what an anchor kept, and when', async () => {
    const anchor = createAnchor({ kind: 's3', bucket: { ...keys, endpoint }, retainDays: 1 });
    await anchor.keep(checkpoints[0] as string, 6);
    await anchor.keep(checkpoints[1] as string, 306);
    add('p/checkpoints/else', 'something else');
    add('p/checkpointsx/0000000000000007.checkpoint', 'in another folder');
    expect(await holdAgainst(await notesInBucket(bucket(), ALWAYS), log)).toEqual([
      { size: 6, keptAt: NOON },
      { size: 306, keptAt: NOON + MINUTE },
    ]);
    const within = { from: NOON + 1, to: NOON + MINUTE };
    expect((await notesInBucket(bucket(), within)).map(({ named }) => named)).toEqual([306]);
  });

  it('hides nothing that was put over or deleted', async () => {
    const key = 'p/checkpoints/0000000000000006.checkpoint';
    add(key, checkpoints[0]);
    const forged = await grown('other', 'forged', 5);
    add(key, forged);
    add(key);
    add('p/checkpoints/0000000000000400.checkpoint', 'nonsense');
    const found = await holdAgainst(await notesInBucket(bucket(), ALWAYS), log);
    expect(found).toEqual([
      { size: 6, keptAt: NOON },
      { size: 6, keptAt: NOON + MINUTE, problem: expect.stringContaining('not signed by the key') },
      { size: 400, keptAt: NOON + 3 * MINUTE, problem: 'the checkpoint is malformed' },
    ]);
  });

  it.each([
    ['nothing', ''],
    ['a page for people', '<html><body>Sign in</body></html>'],
    ['an error', '<Error><Code>SlowDown</Code></Error>'],
    ['versions without an end', '<ListVersionsResult><Version><Key>a'],
    [
      'versions without a time',
      '<ListVersionsResult><Version><Key>a</Key><VersionId>1</VersionId></Version>',
    ],
    [
      'a page that is never the last',
      '<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>',
    ],
  ])('that answers %s is not believed', async (_, body) => {
    answer = (_request, response) => void response.end(body);
    await expect(notesInBucket(bucket(), ALWAYS)).rejects.toMatchObject({ code: 'ledger_unavailable' });
  });

  it('that lists for ever is not listened to for ever', async () => {
    const one =
      '<Version><Key>p/checkpoints/x</Key><VersionId>1</VersionId><LastModified>2026-11-28T12:00:00Z</LastModified></Version>';
    const head = '<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>';
    const page = head + one.repeat(20_000);
    let pages = 0;
    answer = (_request, response) => {
      pages++;
      response.end(page);
    };
    await expect(notesInBucket(bucket(), ALWAYS)).rejects.toThrow('lists what is no listing');
    expect(pages).toBe(51);
  });

  it('takes no time to read a page that is made to take it', async () => {
    answer = (_request, response) =>
      void response.end(`<ListVersionsResult>${'<Version><Key>'.repeat(250_000)}`);
    await expect(notesInBucket(bucket(), ALWAYS)).rejects.toMatchObject({ code: 'ledger_unavailable' });
  });
});

describe('an address', () => {
  const serve = (lines: readonly unknown[]) => {
    answer = (_request, response) =>
      void response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  };

  it('gives back what the receiver of a webhook kept', async () => {
    serve(checkpoints.map((checkpoint, index) => ({ at: new Date(NOON + index).toISOString(), checkpoint })));
    expect(await holdAgainst(await notesAtAddress(endpoint), log)).toEqual([
      { size: 6, keptAt: NOON },
      { size: 306, keptAt: NOON + 1 },
    ]);
  });

  it.each([
    ['no checkpoint', { at: '2026-11-28T12:00:00Z' }],
    ['no time', { at: 'soon', checkpoint: '' }],
    ['nothing', null],
    ['a list', []],
  ])('that serves %s is refused, with the line', async (_, line) => {
    serve([{ at: '2026-11-28T12:00:00Z', checkpoint: 'x' }, line]);
    await expect(notesAtAddress(endpoint)).rejects.toMatchObject({
      code: 'bad_request',
      message: expect.stringContaining('line 2 of'),
    });
  });

  it('at which there is nothing is said', async () => {
    answer = (_request, response) => void response.writeHead(404).end();
    await expect(notesAtAddress(endpoint)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a directory', () => {
  it('gives back what an anchor kept, and when', async () => {
    const place = join(directory, 'place');
    await createAnchor({ kind: 'directory', directory: place }).keep(checkpoints[0] as string, 6);
    utimesSync(join(place, '0000000000000006.checkpoint'), NOON / 1000, NOON / 1000);
    writeFileSync(join(place, '0000000000000007.checkpoint'), 'x'.repeat(100_000));
    utimesSync(join(place, '0000000000000007.checkpoint'), NOON / 1000, NOON / 1000);
    writeFileSync(join(place, 'else'), '');
    expect(await holdAgainst(notesInDirectory(place), log)).toEqual([
      { size: 6, keptAt: NOON },
      { size: 7, keptAt: NOON, problem: 'the checkpoint is malformed' },
    ]);
    expect(() => notesInDirectory(join(directory, 'nowhere'))).toThrow('cannot read the checkpoints');
  });

  it('that knows more than the log says so', async () => {
    const short = { ...log, size: 200 };
    const [found] = await holdAgainst([{ named: 306, keptAt: 0, text: checkpoints[1] as string }], short);
    expect(found?.problem).toBe('it covers 306 entries, and the log has 200');
  });
});
