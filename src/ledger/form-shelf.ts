/**
 * Which forms a lane has kept already, so that a statement is written out once and then named by its hash.
 *
 * A form is kept again when its last keeping lies `FORM_REACH` entries back: a reader who meets its hash finds it within that many
 * entries of the lane before, and no part of the log depends on one arbitrarily old.
 */
import { LRUCache } from 'lru-cache';
import type { StatementForm } from '../model/ledger-entry.ts';
import { formHash, formText } from './entry-text.ts';

/** How far back in its lane a form may stand. */
export const FORM_REACH = 65_536;

/** Forms of which the lane remembers where they stand. */
const MAX_KNOWN = 20_000;

export interface EncodedForm {
  readonly json: string;
  readonly hash: string;
}

export class FormShelf {
  /** By identity: a plan has one form. */
  readonly #encoded = new WeakMap<StatementForm, EncodedForm>();
  /** Made when it is needed: its room is set aside at once. */
  #keptAt: LRUCache<string, number> | undefined;

  encode(form: StatementForm): EncodedForm {
    const known = this.#encoded.get(form);
    if (known !== undefined) return known;
    const json = formText(form);
    const encoded = { json, hash: formHash(json) };
    this.#encoded.set(form, encoded);
    return encoded;
  }

  /** True if an entry with number `seq` may refer to it. */
  isKept(hash: string, seq: number): boolean {
    const at = this.#keptAt?.get(hash);
    return at !== undefined && seq - at < FORM_REACH;
  }

  /** Says that entry `seq` keeps it. */
  keep(hash: string, seq: number): void {
    this.#keptAt ??= new LRUCache({ max: MAX_KNOWN });
    this.#keptAt.set(hash, seq);
  }
}
