/** Colours for a terminal, and none for anything else. @see https://no-color.org */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'magenta';

/** Returns `text` in that style, or as it is where colours are off. */
export type Paint = (style: Style, text: string) => string;

/** Colours exactly if `stream` is a terminal and nobody asked for none. */
export function paintFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  const colours = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
}
