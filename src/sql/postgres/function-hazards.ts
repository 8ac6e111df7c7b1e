/**
 * Functions that are dangerous by what they are made for, by name: those of PostgreSQL and of the extensions in its source tree.
 *
 * @see https://www.postgresql.org/docs/18/functions-admin.html
 */
import type { HazardKind } from '../../model/facts.ts';

export const FUNCTION_HAZARDS: readonly (readonly [HazardKind, RegExp])[] = [
  ['reaches-other-sessions', /^pg_(terminate_backend|cancel_backend|log_backend_memory_contexts)$/],
  [
    'reaches-other-servers',
    /^(dblink($|_)|postgres_fdw_|pg_(create|copy|drop)_(logical|physical)_replication_slot)/,
  ],
  [
    'reaches-files',
    /^(pg_(read_file|read_binary_file|file_(read|write|rename|unlink|sync|length)|stat_file|ls_|logdir_ls|current_logfile)|lo_(import|export)$)/,
  ],
  ['uses-large-objects', /^(lo_|lowrite$|loread$)/],
  [
    'administers-server',
    /^pg_(reload_conf|rotate_logfile|promote|switch_wal|create_restore_point|backup_(start|stop)|wal_replay_|stat_reset|replication_(slot|origin)|(drop|create|sync|advance).*_replication|log_standby|import_system_collations|set_(relation|attribute)_stats|(restore|clear)_(relation|attribute)_stats)/,
  ],
  ['lifts-safeguard', /^pg_(surgery|replication_origin_session)|^heap_force_/],
  ['runs-unseen-code', /^(query_to_xml|cursor_to_xml|ts_stat$|ts_rewrite$|crosstab|xpath_table$|connectby$)/],
];
