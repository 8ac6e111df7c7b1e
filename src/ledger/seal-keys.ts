/**
 * Encrypts values under data keys: one a database, month and group of people. A statement that concerns several groups is encrypted under all
 * of their keys together: when one of them is destroyed, nobody reads it again.
 *
 * What is sealed is `<key id>[+<key id>…]:<nonce, ciphertext and tag in base64url>`, AES-256-GCM, with the entry's id as authenticated data.
 */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { SluiceError } from '../errors/sluice-error.ts';
import type { PrivacyScope } from '../model/ledger-entry.ts';
import { hasKey, listKeys, makeKey, type StoredKey, unwrapKey } from './data-key.ts';
import type { Opener } from './entry-decoder.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { decrypt, encrypt, type KeyWrapper } from './key-wrapper.ts';
import { ledgerError } from './ledger-error.ts';
import type { Sealer } from './sealer.ts';

export interface SealKeysOptions {
  /** The ledger's. */
  readonly directory: string;
  readonly wrapper: KeyWrapper;
  /** Databases and groups whose values may have to be encrypted. */
  readonly scopes: readonly { readonly database: string; readonly subject: string }[];
  readonly fileSystem?: LedgerFileSystem;
  readonly now?: () => number;
  /** Told when keys could not be made ready. Must not throw. */
  readonly onFailure?: (failure: SluiceError) => void;
}

interface ReadyKey {
  readonly id: string;
  readonly key: Buffer;
}

/** How often it is looked whether keys were destroyed, and whether the next month's are there. */
const REFRESH_MS = 10_000;

export class SealKeys implements Sealer {
  readonly #options: SealKeysOptions;
  readonly #fileSystem: LedgerFileSystem;
  readonly #now: () => number;
  readonly #ready = new Map<string, ReadyKey>();
  /** What the last statements were sealed under: by scope. */
  readonly #joined = new Map<string, { readonly name: string; readonly key: KeyObject }>();
  #month = '';
  #monthEndsAt = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: SealKeysOptions) {
    this.#options = options;
    this.#fileSystem = options.fileSystem ?? nodeFileSystem;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Makes ready the keys of this month and the next one. The caller closes it.
   * @throws {SluiceError} ledger_unavailable, ledger_full, ledger_corrupt
   */
  static async open(options: SealKeysOptions): Promise<SealKeys> {
    const keys = new SealKeys(options);
    await keys.refresh();
    keys.#timer = setInterval(() => {
      keys.refresh().catch((failure: SluiceError) => options.onFailure?.(failure));
    }, REFRESH_MS).unref();
    return keys;
  }

  seal(scope: PrivacyScope, entry: string, text: string): string {
    const { name, key } = this.#joinedKey(scope);
    return `${name}:${encrypt(key, Buffer.from(text), entry).toString('base64url')}`;
  }

  /** Forgets keys that were destroyed and makes the ones that are missing. @throws {SluiceError} ledger_* */
  async refresh(): Promise<void> {
    const { directory, wrapper, scopes } = this.#options;
    try {
      for (const [scope, { id }] of this.#ready)
        if (!hasKey(this.#fileSystem, directory, id)) this.#ready.delete(scope);
      this.#joined.clear();
      const months = [monthOf(this.#now()), monthOf(endOfMonth(this.#now()))];
      const wanted = scopes.flatMap(({ database, subject }) =>
        months.map((month) => ({ database, month, subject })),
      );
      const missing = wanted.filter((scope) => !this.#ready.has(nameOf(scope)));
      if (missing.length === 0) return;
      const stored = new Map(listKeys(this.#fileSystem, directory).map((key) => [nameOf(key), key]));
      for (const scope of missing) {
        const found = stored.get(nameOf(scope));
        const made =
          found === undefined ? await makeKey(this.#fileSystem, directory, wrapper, scope) : undefined;
        const key = made?.key ?? (await unwrapKey(found as StoredKey, wrapper));
        this.#ready.set(nameOf(scope), { id: (made?.stored ?? (found as StoredKey)).id, key });
      }
    } catch (cause) {
      throw ledgerError(cause, 'cannot make the ledger\u2019s data keys ready');
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #joinedKey({ database, subjects }: PrivacyScope): { readonly name: string; readonly key: KeyObject } {
    const now = this.#now();
    if (now >= this.#monthEndsAt) {
      this.#month = monthOf(now);
      this.#monthEndsAt = endOfMonth(now);
      this.#joined.clear();
    }
    const scope = `${database}\0${subjects.join('\0')}`;
    const known = this.#joined.get(scope);
    if (known !== undefined) return known;
    const keys = subjects.map((subject) => {
      const ready = this.#ready.get(nameOf({ database, month: this.#month, subject }));
      if (ready !== undefined) return ready;
      throw new SluiceError('ledger_unavailable', `there is no key to encrypt values of ${database} with`);
    });
    const joined = { name: keys.map(({ id }) => id).join('+'), key: joinKeys(keys.map(({ key }) => key)) };
    this.#joined.set(scope, joined);
    return joined;
  }
}

/** Reads what was sealed, as far as keys are there. */
export class SealOpener implements Opener {
  readonly #keys: ReadonlyMap<string, Buffer>;

  private constructor(keys: ReadonlyMap<string, Buffer>) {
    this.#keys = keys;
  }

  /** @throws {SluiceError} ledger_corrupt; keys that cannot be unwrapped are left out */
  static async open(
    directory: string,
    wrapper: KeyWrapper,
    fileSystem = nodeFileSystem,
  ): Promise<SealOpener> {
    const keys = new Map<string, Buffer>();
    for (const stored of listKeys(fileSystem, directory)) {
      const key = await unwrapKey(stored, wrapper).catch(() => undefined);
      if (key !== undefined) keys.set(stored.id, key);
    }
    return new SealOpener(keys);
  }

  open(sealed: string, entry: string): string | undefined {
    const colon = sealed.indexOf(':');
    const keys = sealed
      .slice(0, colon)
      .split('+')
      .map((id) => this.#keys.get(id));
    if (keys.some((key) => key === undefined)) return undefined;
    try {
      const bytes = Buffer.from(sealed.slice(colon + 1), 'base64url');
      return decrypt(joinKeys(keys as Buffer[]), bytes, entry).toString('utf8');
    } catch {
      return undefined;
    }
  }
}

/** One key as it is; of several, one that takes all of them to make. */
function joinKeys(keys: readonly Buffer[]): KeyObject {
  if (keys.length === 1) return createSecretKey(keys[0] as Buffer);
  const joined = hkdfSync('sha256', Buffer.concat(keys), '', 'sluice joined data keys', 32);
  return createSecretKey(Buffer.from(joined));
}

const nameOf = ({ database, month, subject }: { database: string; month: string; subject: string }): string =>
  `${database}\0${month}\0${subject}`;

function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}

function endOfMonth(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
