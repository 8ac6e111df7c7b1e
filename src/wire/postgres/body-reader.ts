/**
 * Reads the fields of one message body, strictly: nothing is read past the end, every string has its NUL, nothing may be
 * left over. Copies no bytes: what it returns are views.
 *
 * https://www.postgresql.org/docs/18/protocol-message-types.html
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ByteString } from './byte-string.ts';
import { int32At } from './partial-frame.ts';

/** The error for a body of the message `kind` that is not what the protocol says. */
export function malformed(kind: string, problem: string): SluiceError {
  return new SluiceError('protocol_violation', `malformed ${kind} message`, { detail: problem });
}

/** A cursor over a body. Every method throws SluiceError protocol_violation if the bytes are not there. */
export class BodyReader {
  readonly #kind: string;
  readonly #body: Buffer;
  #at: number;

  constructor(kind: string, body: Buffer, at = 0) {
    this.#kind = kind;
    this.#body = body;
    this.#at = at;
  }

  get remaining(): number {
    return this.#body.length - this.#at;
  }

  fail(problem: string): never {
    throw malformed(this.#kind, problem);
  }

  uint8(): number {
    return this.#body[this.#advance(1)]!;
  }

  int16(): number {
    return this.#body.readInt16BE(this.#advance(2));
  }

  /** Counts are unsigned: drivers send up to 65,535 parameters. */
  uint16(): number {
    return this.#body.readUInt16BE(this.#advance(2));
  }

  int32(): number {
    return int32At(this.#body, this.#advance(4));
  }

  /** OIDs and process ids. */
  uint32(): number {
    return this.int32() >>> 0;
  }

  bytes(count: number): Buffer {
    const at = this.#advance(count);
    return this.#body.subarray(at, at + count);
  }

  /** A value: its length and that many bytes, or null for length -1. */
  value(): Buffer | null {
    const length = this.int32();
    if (length === -1) return null;
    if (length < 0) this.fail(`A value has the length ${length}.`);
    return this.bytes(length);
  }

  /** A count and that many items. The count allocates nothing: items are read until one is missing. */
  list<T>(item: () => T): T[] {
    const count = this.uint16();
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(item());
    return items;
  }

  int16List(): number[] {
    return this.list(() => this.int16());
  }

  uint32List(): number[] {
    return this.list(() => this.uint32());
  }

  values(): (Buffer | null)[] {
    return this.list(() => this.value());
  }

  /** A string up to its NUL, without it. */
  cstring(): Buffer {
    const end = this.#body.indexOf(0, this.#at);
    if (end < 0) this.fail('A string does not end.');
    const text = this.#body.subarray(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** A string up to its NUL, one character a byte. */
  byteString(): ByteString {
    const end = this.#body.indexOf(0, this.#at);
    if (end < 0) this.fail('A string does not end.');
    const text = this.#body.toString('latin1', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  rest(): Buffer {
    const at = this.#at;
    this.#at = this.#body.length;
    return this.#body.subarray(at);
  }

  end(): void {
    if (this.remaining > 0) this.fail(`${this.remaining} bytes are left over.`);
  }

  #advance(count: number): number {
    const at = this.#at;
    if (count > this.#body.length - at) this.fail('It ends too early.');
    this.#at = at + count;
    return at;
  }
}
