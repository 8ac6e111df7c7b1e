/**
 * What a start-up message asks for besides user and database: settings, given as parameters or inside `options`
 * (`-c name=value`, `--name=value`), as PostgreSQL reads them (utils/init/postinit.c, `process_startup_options`;
 * tcop/postgres.c, `process_postgres_switches`).
 */

import { SluiceError } from '../../errors/sluice-error.ts';
import type { HoldMode } from '../../model/session.ts';
import { quoteName, quoteText } from '../../sql/postgres/identifiers.ts';

/** Names that are not settings. */
const NOT_SETTINGS = new Set(['user', 'database', 'options', 'replication']);
/** A client's choice of what to do when a statement is held: `wait` or `fail`. */
const HOLD_SETTING = 'sluice.on_hold';

/** All settings of a start-up message, in the order they take effect; names in lower case. */
export function startupSettings(parameters: ReadonlyMap<string, string>): Map<string, string> {
  const settings = new Map<string, string>();
  for (const [name, value] of optionSettings(parameters.get('options') ?? '')) settings.set(name, value);
  for (const [name, value] of parameters)
    if (!NOT_SETTINGS.has(name)) settings.set(name.toLowerCase(), value);
  return settings;
}

/** @throws {SluiceError} bad_request for another value */
export function holdModeOf(settings: ReadonlyMap<string, string>, fallback: HoldMode): HoldMode {
  const value = settings.get(HOLD_SETTING);
  if (value === undefined) return fallback;
  if (value === 'wait' || value === 'fail') return value;
  throw new SluiceError('bad_request', `${HOLD_SETTING} must be "wait" or "fail"`);
}

/** The statements that would do the same, so that whatever holds of SET holds of start-up. */
export function settingText(settings: ReadonlyMap<string, string>): string {
  return [...settings]
    .map(([name, value]) => `SET ${name.split('.').map(quoteName).join('.')} TO ${quoteText(value)}`)
    .join('; ');
}

/** @throws {SluiceError} unsupported for a switch that is not a setting */
function optionSettings(options: string): [string, string][] {
  const words = splitOptions(options);
  const settings: [string, string][] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    let assignment: string | undefined;
    if (word === '-c') {
      i += 1;
      assignment = words[i];
    } else if (word.startsWith('-c') || word.startsWith('--')) assignment = word.slice(2);
    const equals = assignment?.indexOf('=') ?? -1;
    if (assignment === undefined || equals < 1) {
      throw new SluiceError('unsupported', 'only -c name=value and --name=value are accepted in options');
    }
    // PostgreSQL reads dashes in names as underscores.
    settings.push([
      assignment.slice(0, equals).replaceAll('-', '_').toLowerCase(),
      assignment.slice(equals + 1),
    ]);
  }
  return settings;
}

/** Words are separated by white space; a backslash takes the next character as it is (`pg_split_opts`). */
function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < options.length; i += 1) {
    const character = options[i]!;
    if (/[ \t\n\v\f\r]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '\\') {
      i += 1;
      word = (word ?? '') + (options[i] ?? '');
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}
