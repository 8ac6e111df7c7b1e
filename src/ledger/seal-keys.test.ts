import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publishLedger } from '../../tests/support/published-ledger.ts';
import { SimulatedDisk } from '../../tests/support/simulated-disk.ts';
import type { AskedEvent } from '../model/ledger-entry.ts';
import { destroyKey, listKeys } from './data-key.ts';
import { decrypt, encrypt, LocalKeyWrapper } from './key-wrapper.ts';
import { Ledger } from './ledger.ts';
import { readEntries } from './read-entries.ts';
import { SealKeys, SealOpener } from './seal-keys.ts';
import { verifyLedger } from './verify.ts';

const DIRECTORY = '/data/ledger';
const wrapper = new LocalKeyWrapper('a5'.repeat(32));
const SCOPES = ['customers', 'employees'].map((subject) => ({ database: 'shop', subject }));
const MARCH = Date.UTC(2027, 2, 31, 23, 59, 59);

const open = (disk: SimulatedDisk, now: () => number = () => MARCH) =>
  SealKeys.open({ directory: DIRECTORY, wrapper, scopes: SCOPES, fileSystem: disk, now });
const about = (...subjects: string[]) => ({ database: 'shop', subjects });

describe('what is sealed', () => {
  it('is read again with the keys, in its own entry only', async () => {
    const disk = new SimulatedDisk();
    const keys = await open(disk);
    const opener = await SealOpener.open(DIRECTORY, wrapper, disk);
    for (const subjects of [['customers'], ['employees'], ['customers', 'employees']]) {
      const sealed = keys.seal(about(...subjects), '0.7', 'a secret');
      expect(sealed).toMatch(/^[0-9a-f]{12}(\+[0-9a-f]{12})*:[\w-]+$/);
      expect(sealed.split('+')).toHaveLength(subjects.length);
      expect(opener.open(sealed, '0.7')).toBe('a secret');
      expect(opener.open(sealed, '0.8')).toBeUndefined();
      const at = sealed.length - 3;
      const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
      expect(opener.open(changed, '0.7')).toBeUndefined();
    }
    for (const nonsense of ['', ':', 'x:y', `${keys.seal(about('customers'), '0.1', 'x').slice(0, 13)}AA`]) {
      expect(opener.open(nonsense, '0.1')).toBeUndefined();
    }
    keys.close();
  });

  it('is lost with any of its keys, and with the key that wraps them', async () => {
    const disk = new SimulatedDisk();
    const keys = await open(disk);
    const sealed = ['customers', 'employees'].map((subject) => keys.seal(about(subject), '0.1', subject));
    const joined = keys.seal(about('customers', 'employees'), '0.1', 'both');
    const stranger = await SealOpener.open(
      DIRECTORY,
      new LocalKeyWrapper(randomBytes(32).toString('base64')),
      disk,
    );
    expect(stranger.open(joined, '0.1')).toBeUndefined();
    const key = listKeys(disk, DIRECTORY).find(
      ({ subject, month }) => subject === 'customers' && month === '2027-03',
    );
    await destroyKey(disk, DIRECTORY, key?.id as string);
    const opener = await SealOpener.open(DIRECTORY, wrapper, disk);
    expect(sealed.map((one) => opener.open(one, '0.1'))).toEqual([undefined, 'employees']);
    expect(opener.open(joined, '0.1')).toBeUndefined();
    // A process that runs on takes a new key.
    await keys.refresh();
    const again = keys.seal(about('customers'), '0.2', 'later');
    expect((await SealOpener.open(DIRECTORY, wrapper, disk)).open(again, '0.2')).toBe('later');
    expect(again.slice(0, 12)).not.toBe(key?.id);
    keys.close();
  });

  it('is sealed under another key each month, made before it begins', async () => {
    const disk = new SimulatedDisk();
    let now = MARCH;
    const keys = await open(disk, () => now);
    const march = keys.seal(about('customers'), '0.1', 'x');
    now += 2000;
    const april = keys.seal(about('customers'), '0.2', 'x');
    expect(april.slice(0, 12)).not.toBe(march.slice(0, 12));
    expect(
      listKeys(disk, DIRECTORY)
        .map(({ month, subject }) => `${month} ${subject}`)
        .sort(),
    ).toEqual(['2027-03 customers', '2027-03 employees', '2027-04 customers', '2027-04 employees']);
    now = Date.UTC(2027, 5, 1);
    expect(() => keys.seal(about('customers'), '0.3', 'x')).toThrow(
      expect.objectContaining({ code: 'ledger_unavailable' }),
    );
    await keys.refresh();
    keys.seal(about('customers'), '0.3', 'x');
    keys.close();
  });

  it('keeps its keys over restarts, and refuses those of another wrapper', async () => {
    const disk = new SimulatedDisk();
    const first = await open(disk);
    const sealed = first.seal(about('customers'), '0.1', 'x');
    first.close();
    const second = await open(disk.afterPowerCut(() => false));
    expect(second.seal(about('customers'), '0.1', 'x').slice(0, 12)).toBe(sealed.slice(0, 12));
    second.close();
    const other = new LocalKeyWrapper('b6'.repeat(32));
    await expect(
      SealKeys.open({
        directory: DIRECTORY,
        wrapper: other,
        scopes: SCOPES,
        fileSystem: disk,
        now: () => MARCH,
      }),
    ).rejects.toMatchObject({
      code: 'ledger_unavailable',
      message: expect.stringContaining(`wrapped by ${wrapper.name}, not by ${other.name}`),
    });
  });

  it('is sealed under a new key at once, even if whoever destroyed the old one did not come to its end', async () => {
    const disk = new SimulatedDisk();
    const keys = await open(disk);
    const before = keys.seal(about('customers'), '0.1', 'x').slice(0, 12);
    // Overwritten, and still there.
    const path = `${DIRECTORY}/keys/${before}.json`;
    disk.plant(path, Buffer.alloc((disk.bytesOf(path) as Buffer).length));
    await keys.refresh();
    expect(keys.seal(about('customers'), '0.2', 'x').slice(0, 12)).not.toBe(before);
    expect(listKeys(disk, DIRECTORY).map(({ id }) => id)).not.toContain(before);
    keys.close();
  });

  it('has no key of another name: it would outlive its own destruction', async () => {
    const disk = new SimulatedDisk();
    (await open(disk)).close();
    const [key] = listKeys(disk, DIRECTORY);
    const bytes = disk.bytesOf(`${DIRECTORY}/keys/${key?.id}.json`) as Buffer;
    disk.plant(`${DIRECTORY}/keys/000000000000.json`, bytes);
    expect(() => listKeys(disk, DIRECTORY)).toThrow('000000000000.json is not a data key');
  });

  it.each([0, 16, 31, 33, 64])(
    'is not sealed with what a service gives back as a key of %i bytes',
    async (length) => {
      const disk = new SimulatedDisk();
      (await open(disk)).close();
      const service = {
        ...wrapper,
        name: wrapper.name,
        wrap: wrapper.wrap,
        unwrap: async () => Buffer.alloc(length),
      };
      const opened = SealKeys.open({
        directory: DIRECTORY,
        wrapper: service,
        scopes: SCOPES,
        fileSystem: disk,
        now: () => MARCH,
      });
      await expect(opened).rejects.toMatchObject({
        code: 'ledger_unavailable',
        message: expect.stringContaining('cannot be unwrapped'),
      });
    },
  );

  it.each(['', 'short', 'g'.repeat(64), Buffer.alloc(31).toString('base64')])(
    'has no wrapping key %j',
    (secret) => {
      expect(() => new LocalKeyWrapper(secret)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    },
  );

  it('is AES-256-GCM, with the context authenticated', () => {
    const key = createSecretKey(randomBytes(32));
    const sealed = encrypt(key, Buffer.from('text'), 'here');
    expect(decrypt(key, sealed, 'here').toString()).toBe('text');
    expect(() => decrypt(key, sealed, 'there')).toThrow();
    expect(() => decrypt(createSecretKey(randomBytes(32)), sealed, 'here')).toThrow();
    expect(() => decrypt(key, sealed.subarray(0, 20), 'here')).toThrow();
  });

  it('never uses a nonce twice', () => {
    const key = createSecretKey(randomBytes(32));
    const nonces = Array.from({ length: 3_000 }, () =>
      encrypt(key, Buffer.from('text'), 'here').toString('hex', 0, 12),
    );
    expect(new Set(nonces).size).toBe(3_000);
  });
});

describe('a statement about people', () => {
  const ask = (literal: string): AskedEvent => ({
    kind: 'asked',
    session: 's',
    statement: 1,
    form: {
      text: ['SELECT * FROM customers WHERE email = ', ''],
      command: 'SELECT',
      actions: [],
      relations: [],
      decision: 'allow',
      policies: [],
      policyVersion: '',
    },
    literals: [literal],
    parameters: ['parameter of ann@example.com'],
    privacy: about('customers'),
  });

  it('stands nowhere in plain sight, is read with the key, and still verifies without it', async () => {
    const disk = new SimulatedDisk();
    const sealer = await open(disk);
    const lock = (directory: string) => ({ directory, release: () => {} });
    const ledger = await Ledger.open({ directory: DIRECTORY, fileSystem: disk, lock, sealer });
    ledger.append(ask("'ann@example.com'"));
    await ledger.close();
    await publishLedger(DIRECTORY, disk);
    for (const path of disk.paths()) expect(disk.bytesOf(path)?.includes('ann@example.com')).toBe(false);
    const last = async (opener?: SealOpener) => {
      for await (const { event } of readEntries(DIRECTORY, {
        fileSystem: disk,
        reverse: true,
        ...(opener && { opener }),
      }))
        return event;
      return undefined;
    };
    expect(await last(await SealOpener.open(DIRECTORY, wrapper, disk))).toMatchObject({
      text: "SELECT * FROM customers WHERE email = 'ann@example.com'",
      parameters: ['parameter of ann@example.com'],
    });
    for (const { id } of listKeys(disk, DIRECTORY)) await destroyKey(disk, DIRECTORY, id);
    const lost = await last(await SealOpener.open(DIRECTORY, wrapper, disk));
    expect(lost).toMatchObject({
      text: 'SELECT * FROM customers WHERE email = \u2039sealed\u203a',
      sealed: expect.stringMatching(/^[0-9a-f]{12}$/),
    });
    expect(lost).not.toHaveProperty('parameters');
    expect(await verifyLedger(DIRECTORY, { fileSystem: disk })).toMatchObject({ ok: true, entries: 3 });
  });

  it('is refused where nobody can encrypt it', async () => {
    const lock = (directory: string) => ({ directory, release: () => {} });
    const ledger = await Ledger.open({ directory: DIRECTORY, fileSystem: new SimulatedDisk(), lock });
    expect(() => ledger.append(ask('x'))).toThrow(expect.objectContaining({ code: 'ledger_unavailable' }));
    await ledger.close();
  });
});
