/**
 * Events of one lane → entries as they are written. A statement becomes one entry, or two if its form is not kept yet; what is too large
 * for the log becomes an entry and a part.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { AskedEvent, LedgerEvent } from '../model/ledger-entry.ts';
import { canonicalJson } from './canonical-json.ts';
import {
  type EntryPart,
  eventText,
  formEntryText,
  isLarge,
  outcomeText,
  splitEntry,
  statementText,
} from './entry-text.ts';
import { type EncodedForm, FormShelf } from './form-shelf.ts';
import type { Sealer } from './sealer.ts';
import { entryId } from './segment-format.ts';

/** The longest entry, in UTF-16 code units; keeps every line below what a reader accepts. */
const MAX_ENTRY_LENGTH = 16 * 1024 * 1024;

export interface EncodedEntry {
  readonly text: string;
  readonly part?: EntryPart;
}

export class EntryEncoder {
  readonly #lane: number;
  readonly #sealer: Sealer | undefined;
  readonly #shelf = new FormShelf();

  constructor(lane: number, sealer: Sealer | undefined) {
    this.#lane = lane;
    this.#sealer = sealer;
  }

  /**
   * The entries of an event, which get the numbers from `seq` on. Each call's entries must be taken: the encoder counts on them.
   * @throws {SluiceError} statement_too_large; ledger_unavailable if values cannot be encrypted. Then there is nothing to take.
   */
  encode(seq: number, at: number, event: LedgerEvent | AskedEvent): readonly EncodedEntry[] {
    switch (event.kind) {
      case 'asked':
        return this.#asked(seq, at, event);
      case 'statement':
        return this.#asked(seq, at, askedOf(event));
      case 'outcome':
        return [sized(outcomeText(this.#lane, seq, at, event))];
      default:
        return [sized(eventText(this.#lane, seq, at, event))];
    }
  }

  #asked(seq: number, at: number, event: AskedEvent): readonly EncodedEntry[] {
    const form = this.#shelf.encode(event.form);
    if (this.#shelf.isKept(form.hash, seq)) return [this.#statement(seq, at, event, form)];
    const kept = sized(formEntryText(this.#lane, seq, at, form.json));
    const entries = [kept, this.#statement(seq + 1, at, event, form)];
    this.#shelf.keep(form.hash, seq);
    return entries;
  }

  #statement(seq: number, at: number, event: AskedEvent, form: EncodedForm): EncodedEntry {
    const { session, statement, approval, privacy } = event;
    return sized(
      statementText(this.#lane, seq, at, {
        session,
        statement,
        of: form.hash,
        ...(approval === undefined ? {} : { approval }),
        ...(privacy === undefined ? valuesOf(event) : this.#sealed(seq, event, privacy)),
      }),
    );
  }

  #sealed(seq: number, event: AskedEvent, privacy: NonNullable<AskedEvent['privacy']>): { sealed?: string } {
    const values = valuesOf(event);
    if (values.literals === undefined && values.parameters === undefined) return {};
    if (this.#sealer === undefined) {
      throw new SluiceError(
        'ledger_unavailable',
        'there is no key to encrypt the statement\u2019s values with',
      );
    }
    return {
      sealed: this.#sealer.seal(privacy, entryId(this.#lane, seq), canonicalJson(wellFormed(values))),
    };
  }
}

type Values = Pick<AskedEvent, 'literals' | 'parameters'>;

function valuesOf({ literals = [], parameters = [] }: AskedEvent): Values {
  return {
    ...(literals.length === 0 ? {} : { literals }),
    ...(parameters.length === 0 ? {} : { parameters }),
  };
}

function wellFormed({ literals, parameters }: Values): Values {
  return {
    ...(literals === undefined ? {} : { literals: literals.map((one) => one.toWellFormed()) }),
    ...(parameters === undefined ? {} : { parameters: parameters.map((one) => one?.toWellFormed() ?? null) }),
  };
}

/** A statement whose text was not taken apart. */
function askedOf(event: Extract<LedgerEvent, { kind: 'statement' }>): AskedEvent {
  const {
    kind: _,
    session,
    statement,
    text,
    parameters,
    approval,
    literals: _literals,
    of: _of,
    sealed: _sealed,
    ...form
  } = event;
  return {
    kind: 'asked',
    session,
    statement,
    form: { ...form, text: [text] },
    ...(parameters === undefined ? {} : { parameters }),
    ...(approval === undefined ? {} : { approval }),
  };
}

function sized(text: string): EncodedEntry {
  if (text.length > MAX_ENTRY_LENGTH) {
    throw new SluiceError('statement_too_large', 'the statement is too large to be recorded');
  }
  return isLarge(text) ? splitEntry(text) : { text };
}
