/**
 * Where a tour is shown: headings, statements, what came back, and whether it was what it should be. Counts what was not.
 */
import type { Style, Terminal } from '../terminal.ts';
import { tableLines } from './result-table.ts';
import type { Notice, Reply, Visitor } from './visitor.ts';

const WIDTH = 100;
const MIN_LINE_CHARS = 60;
const MAX_LINE_CHARS = 160;

export class Stage {
  readonly #terminal: Terminal;
  #scene = 0;
  #failures = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** How many expectations did not hold so far. */
  get failures(): number {
    return this.#failures;
  }

  /** Begins a numbered part. */
  scene(title: string): void {
    this.#scene += 1;
    const head = `── ${this.#scene}  ${title} `;
    this.#line(this.#paint('bold', head + '─'.repeat(Math.max(0, WIDTH - head.length))));
    this.#line();
  }

  /** Sends the statement as `visitor`, showing it and whatever arrives. */
  async ask(visitor: Visitor, statement: string, onNotice?: (notice: Notice) => void): Promise<Reply> {
    this.#line(`  ${this.#paint('cyan', `${visitor.name} ▸`)} ${this.#paint('bold', statement)}`);
    const reply = await visitor.ask(statement, (notice) => {
      this.#notice(notice);
      onNotice?.(notice);
    });
    if (reply.refusal !== undefined) this.#refusal(reply.refusal);
    else this.lines([...(reply.columns.length > 0 ? tableLines(reply) : []), reply.tag]);
    return reply;
  }

  /** Something that happens outside of a connection, such as a command line. */
  act(who: string, what: string): void {
    this.#line(`  ${this.#paint('cyan', `${who} ▸`)} ${this.#paint('bold', what)}`);
  }

  /** Lines, indented, and cut to the terminal or to what a page shows. */
  lines(lines: readonly string[]): void {
    const width = Math.max(MIN_LINE_CHARS, this.#terminal.width ?? MAX_LINE_CHARS) - 4;
    for (const line of lines)
      this.#line(`    ${line.length <= width ? line : `${line.slice(0, width - 1)}…`}`);
  }

  /** Shows `claim` as kept or broken; a broken one counts. */
  expect(holds: boolean, claim: string): void {
    if (!holds) this.#failures += 1;
    this.#line(
      holds ? `  ${this.#paint('green', '✔')} ${claim}` : `  ${this.#paint('red', '✘ NOT SO:')} ${claim}`,
    );
    this.#line();
  }

  #refusal(refusal: NonNullable<Reply['refusal']>): void {
    this.#line(`    ${this.#paint('red', `${refusal.severity}:  ${refusal.sqlstate}: ${refusal.message}`)}`);
    if (refusal.detail !== undefined) this.#line(`    DETAIL:  ${refusal.detail}`);
    if (refusal.hint !== undefined) this.#line(`    ${this.#paint('yellow', `HINT:  ${refusal.hint}`)}`);
  }

  #notice(notice: Notice): void {
    this.#line(`    ${this.#paint('yellow', `NOTICE:  ${notice.message}`)}`);
    if (notice.detail !== undefined) this.#line(`    DETAIL:  ${notice.detail}`);
    if (notice.hint !== undefined) this.#line(`    HINT:  ${notice.hint}`);
  }

  #line(text = ''): void {
    this.#terminal.out(text);
  }

  #paint(style: Style, text: string): string {
    return this.#terminal.paint(style, text);
  }
}
