import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import { FrameReader, frontendFrameLimit } from './index.ts';

const unlimited = () => Number.MAX_SAFE_INTEGER;

function frame(type: string, body: string | Buffer, claimed?: number): Buffer {
  const bytes = Buffer.alloc(5 + Buffer.byteLength(body));
  bytes.write(type, 0, 'latin1');
  bytes.writeInt32BE(claimed ?? bytes.length - 1, 1);
  Buffer.from(body).copy(bytes, 5);
  return bytes;
}

function drain(reader: FrameReader): Buffer[] {
  const frames: Buffer[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) frames.push(next.bytes);
  return frames;
}

/** Cuts `bytes` at the given places, in any order and with repetitions. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

const arbitraryFrame = fc
  .tuple(fc.constantFrom('Q', 'S', 'd', '1'), fc.uint8Array({ maxLength: 300 }))
  .map(([type, body]) => frame(type, Buffer.from(body)));

describe('FrameReader', () => {
  test('gives type, whole frame and body', () => {
    const reader = new FrameReader({ maxFrameBytes: unlimited });
    reader.push(Buffer.concat([frame('Q', 'SELECT 1\0'), frame('S', '')]));
    const query = reader.next();
    expect([query?.type, query?.bytes, query?.body.toString()]).toEqual([
      0x51,
      frame('Q', 'SELECT 1\0'),
      'SELECT 1\0',
    ]);
    expect(reader.next()?.body.length).toBe(0);
    expect(reader.next()).toBeUndefined();
    expect(reader.bufferedBytes).toBe(0);
  });

  test('does not copy a frame that lies in one chunk', () => {
    const reader = new FrameReader({ maxFrameBytes: unlimited });
    const chunk = frame('Q', 'SELECT 1\0');
    reader.push(chunk);
    expect(reader.next()?.bytes.buffer).toBe(chunk.buffer);
  });

  test('gives the same frames at every single split point', () => {
    const stream = Buffer.concat([frame('Q', 'SELECT 1\0'), frame('S', ''), frame('d', 'x'.repeat(20))]);
    for (let at = 0; at <= stream.length; at++) {
      const reader = new FrameReader({ maxFrameBytes: unlimited });
      const frames = cut(stream, [at]).flatMap((chunk) => {
        reader.push(chunk);
        return drain(reader);
      });
      expect(Buffer.concat(frames)).toEqual(stream);
      expect(frames.map((bytes) => bytes.length)).toEqual([14, 5, 25]);
    }
  });

  test('gives the same frames however the stream is cut, drained or not between pushes', () => {
    fc.assert(
      fc.property(
        fc.array(arbitraryFrame, { maxLength: 12 }),
        fc.array(fc.nat()),
        fc.array(fc.boolean()),
        (frames, places, drained) => {
          const reader = new FrameReader({ maxFrameBytes: unlimited });
          const read: Buffer[] = [];
          let pushedBytes = 0;
          cut(Buffer.concat(frames), places).forEach((chunk, i) => {
            reader.push(Buffer.from(chunk));
            pushedBytes += chunk.length;
            if (drained[i]) read.push(...drain(reader));
            expect(reader.bufferedBytes).toBe(pushedBytes - Buffer.concat(read).length);
          });
          read.push(...drain(reader));
          expect(read).toEqual(frames);
          expect(reader.bufferedBytes).toBe(0);
        },
      ),
    );
  });

  test('does not copy what waits when more arrives', () => {
    const reader = new FrameReader({ maxFrameBytes: unlimited });
    // Long enough to have memory of its own.
    const first = Buffer.concat([frame('Q', 'x'.repeat(100_000)), frame('Q', 'y'.repeat(100_000))]);
    reader.push(first);
    for (let i = 0; i < 3; i++) reader.push(frame('Q', 'later'));
    expect([reader.next(), reader.next()].every((next) => next?.bytes.buffer === first.buffer)).toBe(true);
    expect(drain(reader).length).toBe(3);
  });

  test('leaves frames alone after they were given', () => {
    const reader = new FrameReader({ maxFrameBytes: unlimited });
    const sent = [frame('Q', 'one'), frame('Q', 'two'), frame('Q', 'three')];
    const kept = cut(Buffer.concat(sent), [3, 11, 20]).flatMap((chunk) => {
      reader.push(Buffer.from(chunk));
      return drain(reader);
    });
    expect(kept).toEqual(sent);
  });

  test.each([
    ['a length below 4', frame('Q', '', 3), /invalid message length 3 for message type "Q" \(0x51\)/],
    ['a negative length', frame('Q', '', -1), /invalid message length -1/],
    ['a length above the limit', frame('Q', '', 1_000_000), /invalid message length 1000000/],
    ['the largest length', frame('Q', '', 0x7fff_ffff), /invalid message length 2147483647/],
    ['a type no client sends', frame('R', 'x'), /unexpected message type "R" \(0x52\)/],
    ['a type that cannot be printed', Buffer.from([0, 0, 0, 0, 4]), /unexpected message type 0x00/],
  ])('refuses %s as soon as the header is there, and goes on refusing', (_, bytes, message) => {
    for (const split of [0, 1, 4]) {
      const reader = new FrameReader({ maxFrameBytes: frontendFrameLimit(100_000) });
      reader.push(bytes.subarray(0, split));
      expect(reader.next()).toBeUndefined();
      reader.push(bytes.subarray(split, 5));
      for (let i = 0; i < 2; i++) expect(() => reader.next()).toThrow(message);
      expect(() => reader.next()).toThrow(SluiceError);
    }
  });

  test('accepts a frame of exactly the limit and refuses one byte more', () => {
    const read = (bytes: Buffer) => {
      const reader = new FrameReader({ maxFrameBytes: () => 20 });
      reader.push(bytes);
      return reader.next()?.bytes;
    };
    expect(read(frame('Q', 'x'.repeat(15)))?.length).toBe(20);
    expect(() => read(frame('Q', 'x'.repeat(16)))).toThrow(/invalid message length 20/);
  });

  test('allocates by what has arrived, not by what a header claims', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 100 }, () => {
      const reader = new FrameReader({ maxFrameBytes: unlimited });
      reader.push(frame('Q', 'SELECT', 0x4000_0000));
      expect(reader.next()).toBeUndefined();
      return reader;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    expect(readers.every((reader) => reader.bufferedBytes === 11)).toBe(true);
  });

  test('keeps no more than twice what has arrived, even byte by byte', () => {
    const reader = new FrameReader({ maxFrameBytes: unlimited });
    const bytes = frame('Q', 'x'.repeat(1_000_000));
    let copiedBytes = 0;
    const { copy } = Buffer.prototype;
    Buffer.prototype.copy = function (this: Buffer, ...args: Parameters<Buffer['copy']>) {
      const copied = copy.apply(this, args);
      copiedBytes += copied;
      return copied;
    } as Buffer['copy'];
    try {
      for (let at = 0; at < bytes.length - 1; at += 10) {
        reader.push(bytes.subarray(at, Math.min(at + 10, bytes.length - 1)));
        expect(reader.next()).toBeUndefined();
      }
    } finally {
      Buffer.prototype.copy = copy;
    }
    reader.push(bytes.subarray(-1));
    const whole = reader.next()?.bytes;
    expect(whole?.equals(bytes)).toBe(true);
    expect(whole?.buffer.byteLength).toBe(bytes.length);
    // Linear: each byte is copied once when it arrives and, with doubling, less than twice when memory grows.
    expect(copiedBytes).toBeLessThan(3 * bytes.length);
  });

  test('hands over what it has not understood', () => {
    const reader = new FrameReader({ maxFrameBytes: unlimited });
    reader.push(frame('Q', 'a').subarray(0, 3));
    expect(reader.next()).toBeUndefined();
    reader.push(Buffer.from([0, 0]));
    reader.push(Buffer.from('rest'));
    expect(reader.takeRest()).toEqual(Buffer.from('Q\0\0\0\0rest'));
    expect(reader.bufferedBytes).toBe(0);
    expect(reader.next()).toBeUndefined();
  });

  test('throws nothing but SluiceError whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const reader = new FrameReader({ maxFrameBytes: frontendFrameLimit(1_000) });
        try {
          for (const chunk of chunks) {
            reader.push(Buffer.from(chunk));
            drain(reader);
          }
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SluiceError);
        }
      }),
    );
  });
});
