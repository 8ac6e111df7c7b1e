/** Where a command writes: results to stdout, everything else to stderr; colours on terminals only. */
import { styleText } from 'node:util';
import { asSluiceError, SluiceError } from '../errors/sluice-error.ts';
import { printable, printableJson } from '../html/visible-text.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
/** The text in that style, or as it is where there are no colours. */
export type Paint = (style: Style, text: string) => string;

const BAR_WIDTH = 30;

/** A stream of the process, or one that a test reads. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The two streams of a command. Never changes what is written to a pipe. */
export class Terminal {
  readonly paint: Paint;
  readonly paintError: Paint;
  readonly #out: TextSink;
  readonly #err: TextSink;

  constructor(out: TextSink, err: TextSink, env: Readonly<Record<string, string | undefined>>) {
    this.#out = out;
    this.#err = err;
    this.paint = paintFor(out, env);
    this.paintError = paintFor(err, env);
  }

  /** Columns of stdout, or undefined where lines must not be cut. */
  get width(): number | undefined {
    return this.#out.isTTY === true ? this.#out.columns : undefined;
  }

  /** A line of the result. */
  out(line = ''): void {
    this.#out.write(`${line}\n`);
  }

  /** A result for programs: one line, but on a terminal. */
  json(value: unknown): void {
    this.out(printableJson(value, this.#out.isTTY === true ? 2 : undefined));
  }

  /** One of many results for programs: always one line. */
  jsonLine(value: unknown): void {
    this.out(printableJson(value));
  }

  /** Text that is already laid out, such as help. */
  write(stream: 'out' | 'err', text: string): void {
    (stream === 'out' ? this.#out : this.#err).write(text);
  }

  /** A line that is not the result. */
  note(line: string): void {
    this.#err.write(`${line}\n`);
  }

  warn(text: string): void {
    this.note(`${this.paintError('yellow', 'warning:')} ${printable(text)}`);
  }

  /** A line on stderr that shows how far a command has come; nothing where that is no terminal. */
  progress(): { show(done: number, total: number, what: string): void; end(): void } {
    const { isTTY, columns = 80 } = this.#err;
    const draw = (line: string) => {
      if (isTTY === true) this.#err.write(`\r\u001b[2K${line}`);
    };
    return {
      show: (done, total, what) => {
        const filled = Math.round((done / Math.max(1, total)) * BAR_WIDTH);
        const bar = `${'━'.repeat(filled)}${'─'.repeat(BAR_WIDTH - filled)} ${done}/${total}  ${printable(what)}`;
        draw(bar.slice(0, columns - 1));
      },
      end: () => draw(''),
    };
  }

  /** Shows why a command failed. Of a defect, the stack as well: it is nobody's secret but ours. */
  fail(thrown: unknown): void {
    const error = asSluiceError(thrown);
    this.note(`${this.paintError('red', 'error:')} ${printable(error.message)}`);
    if (error.detail !== undefined)
      this.note(`  detail: ${printable(error.detail).replaceAll('\n', `\n${' '.repeat(10)}`)}`);
    if (error.hint !== undefined) this.note(`  ${this.paintError('cyan', 'hint:')} ${printable(error.hint)}`);
    if (!(thrown instanceof SluiceError)) this.note(printable(String((thrown as Error)?.stack ?? thrown)));
  }
}

/** @see https://no-color.org */
function paintFor(sink: TextSink, env: Readonly<Record<string, string | undefined>>): Paint {
  const colours = sink.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
}
