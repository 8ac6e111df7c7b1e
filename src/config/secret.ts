/**
 * A value that must not be shown: every way of printing it gives `[secret]`.
 *
 * It never protects the memory of the process; it keeps a password from reaching a log, an error or a JSON answer by
 * accident.
 */
import { inspect } from 'node:util';

const SHOWN = '[secret]';

/** Holds a secret text. Only `reveal()` gives it out, so that every use can be found by name. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The text itself. Hand it straight to what needs it; do not keep it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
