/**
 * The settings of a session by which the same text and the same parameters can mean something else: where names are looked up, as whom, in
 * which encoding values are, how dates, numbers and arrays are read, which time it is there, whether `= NULL` is true. What was approved
 * under one value is not approved under another.
 */
import type { ForwardChannel } from './forward-channel.ts';

export const BINDING_SETTINGS: readonly string[] = [
  'search_path role session_authorization row_security session_replication_role check_function_bodies',
  'client_encoding DateStyle IntervalStyle TimeZone timezone_abbreviations lc_monetary lc_numeric lc_time',
  'transform_null_equals array_nulls default_text_search_config xmloption bytea_output extra_float_digits',
].flatMap((names) => names.split(' '));

const QUESTION = `SELECT n, pg_catalog.current_setting(n, true) FROM pg_catalog.unnest(ARRAY['${BINDING_SETTINGS.join("','")}']::pg_catalog.text[]) AS s (n)`;

/** As they are now, by name; none where the transaction has failed, so that nothing can run. @throws {SluiceError} if the database does not answer */
export async function readingSettings(channel: ForwardChannel): Promise<Readonly<Record<string, string>>> {
  const rows = (await channel.ask(QUESTION)) ?? [];
  return Object.fromEntries(
    rows.map((row) => row.map((value) => value?.toString('latin1') ?? '') as [string, string]),
  );
}
