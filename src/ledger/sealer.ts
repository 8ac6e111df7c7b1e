/** Who encrypts what must not stand in plain sight. `seal-keys.ts` implements it; a lane only asks. */
import type { PrivacyScope } from '../model/ledger-entry.ts';

export interface Sealer {
  /**
   * Encrypts `text` for an entry, at once.
   * @param entry the entry's id; only in it can the text be read again
   * @returns the key's name and the bytes, as characters of base64url, dots and slashes
   * @throws {SluiceError} ledger_unavailable if there is no key
   */
  seal(scope: PrivacyScope, entry: string, text: string): string;
  /** Lets go of its keys' upkeep. */
  close(): void;
}
