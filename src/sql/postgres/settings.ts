/**
 * Settings: what SET, RESET and set_config() change.
 */
import type { Binder } from './binder.ts';
import { refuseOwnSetting } from './mask-key.ts';

const OFF: readonly string[] = ['off', 'false', 'no', '0', 'f', 'n'];

/**
 * Settings that change how later texts are cut into tokens or typed, so that the analysis would read another statement
 * than the server; and those that send to the client, as messages, plans, whose estimates come from real values, and how much room a sort or
 * a join took, which real values may have a part in. Lower case, with the values that keep things as they are.
 */
const TELLING_SETTINGS: Readonly<Record<string, readonly string[]>> = {
  standard_conforming_strings: ['on', 'true', 'yes', '1', 't', 'y'],
  backslash_quote: ['safe_encoding', 'off', 'false', 'no', '0'],
  transform_null_equals: OFF,
  debug_print_plan: OFF,
  trace_sort: OFF,
  log_temp_files: ['-1'],
  log_parser_stats: OFF,
  log_planner_stats: OFF,
  log_executor_stats: OFF,
  log_statement_stats: OFF,
  client_encoding: [
    'utf8',
    'utf-8',
    'unicode',
    'sql_ascii',
    'latin1',
    'latin9',
    'iso88591',
    'iso885915',
    'win1252',
    'windows1252',
  ],
};

/** Settings that change as whom, or under which safeguards, statements run. */
const ADMINISTERING_SETTINGS: ReadonlySet<string> = new Set([
  'role',
  'session_authorization',
  'session_replication_role',
  'row_security',
  'allow_system_table_mods',
  'ignore_system_indexes',
  'ignore_checksum_failure',
  'ignore_invalid_pages',
  'zero_damaged_pages',
  'event_triggers',
  'lo_compat_privileges',
  'allow_in_place_tablespaces',
  'dynamic_library_path',
  'local_preload_libraries',
  'session_preload_libraries',
  'jit_provider',
]);

/** Modules whose settings decide what they record, or tell the client. */
const WATCHING_MODULES = /^(pgaudit|auto_explain)\./;

/**
 * Notes that a setting is changed.
 * @param name undefined if it only shows at run time
 * @param value null if it is not a literal; `undefined` for the default, which is as the server was set up
 */
export function noteSetting(
  b: Binder,
  name: string | undefined,
  value: string | null | undefined,
  local: boolean,
): void {
  if (name === undefined) {
    b.sheet.set({ name: '', value: null, local });
    b.sheet.hide('setting', 'a setting whose name is computed');
    return;
  }
  const key = name.toLowerCase();
  refuseOwnSetting(key);
  b.sheet.set({ name: key, value: value === undefined ? 'default' : value, local });
  if (ADMINISTERING_SETTINGS.has(key) || WATCHING_MODULES.test(key)) b.sheet.act('Administer');
  const harmless = Object.hasOwn(TELLING_SETTINGS, key) ? TELLING_SETTINGS[key] : undefined;
  if (harmless === undefined || value === undefined) return;
  const plain = value?.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '');
  if (plain === undefined || !harmless.includes(plain)) b.sheet.hide('setting', `setting ${key}`);
}
