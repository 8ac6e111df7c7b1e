import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  BACKEND_TYPE,
  backendFrameLimit,
  encodeBackendMessage,
  FrameWalker,
  wholeFramesExcept,
} from './index.ts';

const COUNTED = [BACKEND_TYPE.DataRow, BACKEND_TYPE.CopyData];

function newWalker(controlFrameBytes = 1_000): FrameWalker {
  return new FrameWalker({
    whole: wholeFramesExcept(...COUNTED),
    maxFrameBytes: backendFrameLimit(controlFrameBytes),
  });
}

interface Relayed {
  /** What a relay sent that uses the walker as its module says. */
  readonly bytes: Buffer;
  readonly shown: readonly Buffer[];
  /** Counted frames before each shown one, and after the last. */
  readonly rows: readonly number[];
  readonly rowBytes: number;
  readonly mostBufferedBytes: number;
  readonly slices: number;
}

/** `replace` gives what the client gets instead of a frame: itself to leave it alone, another, or nothing. */
function relay(
  chunks: readonly Buffer[],
  replace: (frame: Buffer) => Buffer = (frame) => frame,
  walker = newWalker(),
): Relayed {
  const sent: Buffer[] = [];
  const shown: Buffer[] = [];
  const rows = [0];
  let rowBytes = 0;
  let mostBufferedBytes = 0;
  for (const chunk of chunks) {
    let from = 0;
    const settled = walker.walk(chunk, {
      onRows: (count, bytes) => {
        rows[rows.length - 1]! += count;
        rowBytes += bytes;
      },
      onFrame: (type, frame, start, end) => {
        expect(type).toBe(frame[0]);
        expect(end - start).toBe(frame.length);
        shown.push(frame);
        rows.push(0);
        const replaced = replace(frame);
        if (start >= 0 && replaced === frame) return;
        if (start > from) sent.push(chunk.subarray(from, start));
        sent.push(replaced);
        from = end;
      },
    });
    if (settled > from) sent.push(chunk.subarray(from, settled));
    mostBufferedBytes = Math.max(mostBufferedBytes, walker.bufferedBytes);
  }
  return {
    bytes: Buffer.concat(sent),
    shown,
    rows,
    rowBytes,
    mostBufferedBytes,
    slices: sent.length,
  };
}

const row = (text: string) => encodeBackendMessage({ type: 'DataRow', columns: [Buffer.from(text)] });
const complete = (tag: string) => encodeBackendMessage({ type: 'CommandComplete', tag });
const READY = encodeBackendMessage({ type: 'ReadyForQuery', status: 'I' });
const EMPTY_COPY_DATA = encodeBackendMessage({ type: 'CopyData', data: Buffer.alloc(0) });

const STREAM = [row('a'), row('bb'), complete('SELECT 2'), READY, EMPTY_COPY_DATA, row('c'), READY];

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

const arbitraryStream = fc.array(
  fc.oneof(
    fc.string().map(row),
    fc.string({ maxLength: 5 }).map((tag) => complete(tag.replaceAll(/[^A-Z]/g, ''))),
    fc.constantFrom(READY, EMPTY_COPY_DATA),
  ),
  { maxLength: 20 },
);

describe('FrameWalker', () => {
  test('lets a chunk pass as one slice, counts its rows and shows its other frames', () => {
    const chunk = Buffer.concat(STREAM);
    const { bytes, shown, rows, rowBytes, slices } = relay([chunk]);
    expect(slices).toBe(1);
    expect(bytes.buffer === chunk.buffer || bytes.equals(chunk)).toBe(true);
    expect(shown).toEqual([complete('SELECT 2'), READY, READY]);
    expect(rows).toEqual([2, 0, 2, 0]);
    expect(rowBytes).toBe(row('a').length + row('bb').length + EMPTY_COPY_DATA.length + row('c').length);
  });

  test('shows frames as views where they do not straddle', () => {
    const chunk = Buffer.concat(STREAM);
    expect(relay([chunk]).shown.every((frame) => frame.buffer === chunk.buffer)).toBe(true);
  });

  test('reports rows before the frame that follows them', () => {
    const events: string[] = [];
    newWalker().walk(Buffer.concat(STREAM), {
      onRows: (count) => events.push(`rows ${count}`),
      onFrame: (type) => events.push(String.fromCharCode(type)),
    });
    expect(events).toEqual(['rows 2', 'C', 'Z', 'rows 2', 'Z']);
  });

  test('reports the same at every pair of split points', () => {
    const stream = Buffer.concat(STREAM);
    const whole = relay([stream]);
    for (let a = 0; a <= stream.length; a++) {
      for (let b = a; b <= stream.length; b++) {
        const parts = relay(cut(stream, [a, b]));
        expect(parts.bytes.equals(stream)).toBe(true);
        expect([parts.shown, parts.rows, parts.rowBytes]).toEqual([whole.shown, whole.rows, whole.rowBytes]);
      }
    }
  });

  test('reports the same however the stream is cut', () => {
    fc.assert(
      fc.property(arbitraryStream, fc.array(fc.nat()), (frames, places) => {
        const stream = Buffer.concat(frames);
        const parts = relay(cut(stream, places));
        expect(parts.bytes).toEqual(stream);
        expect(parts.shown).toEqual(frames.filter((frame) => !COUNTED.includes(frame[0] as 0x44)));
        expect(parts.rows.reduce((sum, count) => sum + count)).toBe(frames.length - parts.shown.length);
      }),
    );
  });

  test('lets frames be replaced or dropped wherever the chunks end', () => {
    fc.assert(
      fc.property(arbitraryStream, fc.array(fc.nat()), (frames, places) => {
        const replaced = relay(cut(Buffer.concat(frames), places), (frame) => {
          if (frame[0] === BACKEND_TYPE.ReadyForQuery) return Buffer.alloc(0);
          return frame[0] === BACKEND_TYPE.CommandComplete ? complete('CHANGED BY RELAY') : frame;
        });
        const expected = frames
          .filter((frame) => frame[0] !== BACKEND_TYPE.ReadyForQuery)
          .map((frame) => (frame[0] === BACKEND_TYPE.CommandComplete ? complete('CHANGED BY RELAY') : frame));
        expect(replaced.bytes).toEqual(Buffer.concat(expected));
      }),
    );
  });

  test('keeps nothing of rows, however long, and no more of other frames than they are', () => {
    const long = row('x'.repeat(5_000_000));
    const stream = Buffer.concat([long, complete('SELECT 1'), long]);
    const chunks = Array.from({ length: Math.ceil(stream.length / 65_536) }, (_, i) =>
      stream.subarray(i * 65_536, (i + 1) * 65_536),
    );
    const { bytes, rows, mostBufferedBytes } = relay(chunks);
    expect(bytes.equals(stream)).toBe(true);
    expect(rows).toEqual([1, 1]);
    expect(mostBufferedBytes).toBeLessThan(complete('SELECT 1').length);
  });

  test('knows when it stands between two frames', () => {
    const stream = Buffer.concat(STREAM);
    const boundaries = new Set([0]);
    let at = 0;
    for (const frame of STREAM) {
      at += frame.length;
      boundaries.add(at);
    }
    for (let end = 0; end <= stream.length; end++) {
      const walker = newWalker();
      relay([stream.subarray(0, end)], undefined, walker);
      expect(walker.atBoundary).toBe(boundaries.has(end));
    }
  });

  test('heeds flags that are changed while it walks, from the next frame on', () => {
    const whole = wholeFramesExcept(BACKEND_TYPE.DataRow);
    const walker = new FrameWalker({ whole, maxFrameBytes: backendFrameLimit(1_000) });
    const shown: number[] = [];
    walker.walk(Buffer.concat([row('a'), READY, row('b')]), {
      onRows: () => {},
      onFrame: (type) => {
        shown.push(type);
        whole[BACKEND_TYPE.DataRow] = 1;
      },
    });
    expect(shown).toEqual([BACKEND_TYPE.ReadyForQuery, BACKEND_TYPE.DataRow]);
  });

  test.each([
    ['a row with a length below 4', 'D', 3, /invalid message length 3/],
    ['a row with a negative length', 'D', -5, /invalid message length -5/],
    ['a shown frame above its limit', 'E', 1_000, /invalid message length 1000/],
    ['a type no database sends', 'Q', 4, /unexpected message type "Q"/],
  ])('refuses %s wherever the header is cut', (_, type, length, message) => {
    const header = Buffer.alloc(5);
    header.write(type);
    header.writeInt32BE(length, 1);
    for (let at = 0; at < 5; at++) {
      expect(() => relay([header.subarray(0, at), header.subarray(at)])).toThrow(message);
      expect(() => relay([header.subarray(0, at), header.subarray(at)])).toThrow(SluiceError);
    }
  });

  test('throws nothing but SluiceError and relays nothing twice, whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const stream = Buffer.concat(chunks);
        try {
          const { bytes } = relay(chunks.map((chunk) => Buffer.from(chunk)));
          expect(stream.subarray(0, bytes.length)).toEqual(bytes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SluiceError);
        }
      }),
    );
  });
});

describe('room', () => {
  /** Passes a stream on; whenever there is no room, `grow` says how many rows and bytes more there are. */
  function passWithin(chunks: readonly Buffer[], grow: (frameBytes: number) => readonly [number, number]) {
    const walker = newWalker();
    const sent: Buffer[] = [];
    let room = { rows: 0, bytes: 0 };
    let counted = 0;
    let rest: Buffer = Buffer.alloc(0);
    for (const chunk of chunks) {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const arrived = rest;
        let from = 0;
        const settled = walker.walk(arrived, {
          room: () => ({
            ...room,
            take: (rows, bytes) => {
              room = { rows: room.rows - rows, bytes: room.bytes - bytes };
              expect(Math.min(room.rows, room.bytes)).toBeGreaterThanOrEqual(0);
            },
          }),
          onRows: (count) => {
            counted += count;
          },
          onFrame: (_, frame, start, end) => {
            if (start >= 0) return;
            sent.push(frame);
            from = end;
          },
        });
        sent.push(arrived.subarray(from, settled));
        const { halt } = walker;
        rest = halt === undefined ? Buffer.alloc(0) : arrived.subarray(settled);
        if (halt?.frameBytes === undefined) break;
        const [rows, bytes] = grow(halt.frameBytes);
        room = { rows: room.rows + rows, bytes: room.bytes + bytes };
      }
    }
    return { bytes: Buffer.concat(sent), counted };
  }

  test('never lets more pass than there is, and in the end everything, wherever the stream is cut', () => {
    const more = fc.array(fc.tuple(fc.nat(3), fc.nat(40)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(arbitraryStream, fc.array(fc.nat()), more, (frames, places, grants) => {
        const bytes = Buffer.concat(frames);
        let asked = 0;
        const passed = passWithin(cut(bytes, places), (frameBytes) => {
          const [rows, extra] = grants[asked++ % grants.length]!;
          return [rows + 1, extra + frameBytes];
        });
        expect(passed.bytes.equals(bytes)).toBe(true);
        expect(passed.counted).toBe(frames.filter(([type]) => COUNTED.some((one) => one === type)).length);
      }),
    );
  });

  test('stops before the first row that is too much, not after it', () => {
    const chunk = Buffer.concat([row('a'), row('bb'), row('c')]);
    const walker = newWalker();
    const taken: number[][] = [];
    const sink = {
      room: () => ({ rows: 5, bytes: row('a').length + 1, take: (...some: number[]) => taken.push(some) }),
      onRows: () => {},
      onFrame: () => {},
    };
    expect(walker.walk(chunk, sink)).toBe(row('a').length);
    expect([walker.halt, taken]).toEqual([{ frameBytes: row('bb').length }, [[1, row('a').length]]]);
    expect(walker.atBoundary).toBe(true);
  });
});
