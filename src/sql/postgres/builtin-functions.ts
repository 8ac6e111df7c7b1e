/**
 * The functions that come with PostgreSQL, reviewed over pg_proc of versions 14 to 18. Pure tables.
 *
 * The rule: an immutable or stable function of the server that stands in `reviewed-functions.ts` works on its arguments and the
 * catalogs' definitions, unless it stands in `REACHING`; a volatile one reaches further, unless it stands in
 * `HARMLESS_VOLATILE`. So a function that a later version adds is refused until somebody has read what it does.
 *
 * @see https://www.postgresql.org/docs/18/functions.html
 */
import type { Action } from '../../model/facts.ts';

/**
 * Immutable or stable functions that reach beyond their arguments: to the contents of tables, the texts or secrets of
 * others, or to code that a type or relation named in a string brings along.
 */
export const REACHING: ReadonlySet<string> = new Set([
  // Read tables whose names are computed.
  'table_to_xml',
  'table_to_xml_and_xmlschema',
  'table_to_xmlschema',
  'schema_to_xml',
  'schema_to_xml_and_xmlschema',
  'schema_to_xmlschema',
  'database_to_xml',
  'database_to_xml_and_xmlschema',
  'database_to_xmlschema',
  // Texts of other sessions' statements, or of this one's after the gate rewrote them.
  'pg_stat_get_activity',
  'pg_stat_get_backend_activity',
  'pg_prepared_statement',
  'pg_cursor',
  // Connection strings and secret settings.
  'pg_stat_get_wal_receiver',
  'pg_show_all_settings',
  // How long the log of a write is and which blocks it touched: whether a value written is the one that was there.
  'pg_get_replication_slots',
  'pg_stat_get_blocks_fetched',
  'pg_stat_get_blocks_hit',
  'pg_stat_get_db_blocks_fetched',
  'pg_stat_get_db_blocks_hit',
  'pg_stat_get_tuples_hot_updated',
  'pg_stat_get_tuples_newpage_updated',
  'pg_stat_get_wal',
  'pg_stat_get_wal_senders',
  'pg_stat_get_subscription',
  'pg_stat_get_db_temp_bytes',
  'pg_stat_get_db_temp_files',
  // How many rows a partition or a materialized view has; the views that show it are masked by row.
  'pg_stat_get_dead_tuples',
  'pg_stat_get_mod_since_analyze',
  'pg_stat_get_ins_since_vacuum',
  'pg_stat_get_tuples_returned',
  'pg_stat_get_tuples_fetched',
  'pg_stat_get_tuples_inserted',
  'pg_stat_get_tuples_updated',
  'pg_stat_get_tuples_deleted',
  // Values sampled from tables.
  'pg_mcv_list_items',
  // Run the input function, and with it the CHECK constraints, of a type that is computed.
  'pg_input_is_valid',
  'pg_input_error_info',
  'domain_in',
  'domain_recv',
  'array_in',
  'array_recv',
  'record_in',
  'record_recv',
  'range_in',
  'range_recv',
  'multirange_in',
  'multirange_recv',
  // Parse or run what a function's body says.
  'fmgr_sql_validator',
  'fmgr_c_validator',
  'fmgr_internal_validator',
]);

/** Volatile functions whose effects are known, that tell nothing of values, and end with the session or with what `EFFECTS` says. */
export const HARMLESS_VOLATILE: ReadonlySet<string> = new Set([
  // Time, chance, waiting.
  'clock_timestamp',
  'timeofday',
  'random',
  'random_normal',
  'setseed',
  'gen_random_uuid',
  'uuidv4',
  'uuidv7',
  'array_sample',
  'array_shuffle',
  'pg_sleep',
  'pg_sleep_for',
  'pg_sleep_until',
  // Sequences.
  'nextval',
  'currval',
  'lastval',
  'setval',
  'pg_sequence_last_value',
  'pg_get_sequence_data',
  // Locks and notifications of one's own.
  'pg_advisory_lock',
  'pg_advisory_lock_shared',
  'pg_advisory_unlock',
  'pg_advisory_unlock_all',
  'pg_advisory_unlock_shared',
  'pg_advisory_xact_lock',
  'pg_advisory_xact_lock_shared',
  'pg_try_advisory_lock',
  'pg_try_advisory_lock_shared',
  'pg_try_advisory_xact_lock',
  'pg_try_advisory_xact_lock_shared',
  'pg_notify',
  'pg_notification_queue_usage',
  // Settings: judged by what they set.
  'set_config',
  // The statement's own text.
  'current_query',
  // Sizes, versions and states, without content.
  'pg_relation_size',
  'pg_table_size',
  'pg_total_relation_size',
  'pg_indexes_size',
  'pg_database_size',
  'pg_tablespace_size',
  'pg_collation_actual_version',
  'pg_database_collation_actual_version',
  'pg_partition_tree',
  'pg_partition_ancestors',
  'pg_is_in_recovery',
  'pg_is_wal_replay_paused',
  'pg_get_wal_replay_pause_state',
  'pg_last_xact_replay_timestamp',
  'pg_blocking_pids',
  'pg_safe_snapshot_blocking_pids',
  'pg_lock_status',
  'pg_prepared_xact',
  'pg_jit_available',
  'pg_get_wait_events',
  'pg_control_init',
  'pg_control_system',
  'pg_last_committed_xact',
  'pg_xact_commit_timestamp',
  'pg_xact_commit_timestamp_origin',
  'pg_xact_status',
  'txid_status',
  'pg_stat_have_stats',
  'pg_stat_clear_snapshot',
  'pg_stat_get_xact_function_calls',
  'pg_stat_get_xact_function_self_time',
  'pg_stat_get_xact_function_total_time',
  'pg_stat_get_xact_numscans',
  // Sampling methods, and a check of an access method's operators.
  'bernoulli',
  'system',
  'amvalidate',
]);

/** Volatile ones above that leave nothing behind: a statement that calls no others still only reads. */
export const READ_ONLY_VOLATILE: ReadonlySet<string> = new Set(
  [...HARMLESS_VOLATILE].filter(
    (name) => !/^(nextval|setval|set_config|pg_notify|pg_(try_)?advisory_)/.test(name),
  ),
);

/** What a call of a transparent function does besides computing. */
export const EFFECTS: Readonly<Record<string, Action>> = {
  pg_notify: 'Notify',
  pg_advisory_lock: 'Lock',
  pg_advisory_lock_shared: 'Lock',
  pg_advisory_xact_lock: 'Lock',
  pg_advisory_xact_lock_shared: 'Lock',
  pg_try_advisory_lock: 'Lock',
  pg_try_advisory_lock_shared: 'Lock',
  pg_try_advisory_xact_lock: 'Lock',
  pg_try_advisory_xact_lock_shared: 'Lock',
};

/** Names of builtin functions that run the server rather than compute. Matched by prefix. */
const ADMINISTERING: readonly string[] = [
  'binary_upgrade_',
  'lo_export',
  'lo_import',
  'pg_backup_',
  'pg_cancel_backend',
  'pg_clear_',
  'pg_copy_',
  'pg_create_',
  'pg_current_logfile',
  'pg_drop_',
  'pg_export_snapshot',
  'pg_extension_config_dump',
  'pg_get_backend_memory_contexts',
  'pg_hba_file_rules',
  'pg_ident_file_mappings',
  'pg_import_system_collations',
  'pg_log_',
  'pg_logical_',
  'pg_ls_',
  'pg_nextoid',
  'pg_promote',
  'pg_read_',
  'pg_reload_conf',
  'pg_replication_',
  'pg_restore_',
  'pg_rotate_logfile',
  'pg_show_all_',
  'pg_start_backup',
  'pg_stat_file',
  'pg_stat_force_next_flush',
  'pg_stat_reset',
  'pg_stop_',
  'pg_switch_wal',
  'pg_sync_replication_slots',
  'pg_terminate_backend',
  'pg_wal_replay_',
  'pg_wal_summary_contents',
];

/** True for builtin functions whose call is an act of administration. */
export function isAdministering(name: string): boolean {
  return ADMINISTERING.some((prefix) => name.startsWith(prefix));
}

/** Settings that hold secrets or commands with secrets in them. */
export const SECRET_SETTINGS: readonly string[] = [
  'archive_cleanup_command',
  'archive_command',
  'primary_conninfo',
  'recovery_end_command',
  'restore_command',
  'ssl_passphrase_command',
];

/**
 * Extensions whose functions compute and do nothing else; all of PostgreSQL's contrib. What is missing reaches further
 * (dblink, file_fdw, tablefunc, adminpack, lo, pageinspect, …) or was not read yet (postgis).
 */
export const REVIEWED_EXTENSIONS: ReadonlySet<string> = new Set([
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'dict_int',
  'earthdistance',
  'fuzzystrmatch',
  'hstore',
  'intarray',
  'isn',
  'ltree',
  'pg_trgm',
  'pgcrypto',
  'seg',
  'unaccent',
  'uuid-ossp',
]);

/** Their volatile functions that leave nothing behind. */
export const HARMLESS_VOLATILE_OF_EXTENSIONS: ReadonlySet<string> = new Set([
  'gen_random_bytes',
  'gen_random_uuid',
  'gen_salt',
  'pgp_pub_encrypt',
  'pgp_pub_encrypt_bytea',
  'pgp_sym_encrypt',
  'pgp_sym_encrypt_bytea',
  'uuid_generate_v1',
  'uuid_generate_v1mc',
  'uuid_generate_v4',
]);
