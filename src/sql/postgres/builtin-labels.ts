/**
 * Columns of PostgreSQL's own catalogs and views that hold values, texts or secrets of others. Pure table; names that a
 * server's version lacks do no harm.
 *
 * Labels: `statistics` (values sampled from columns, and traces of writes), `statement_text` (others' statements), `secret` (passwords and
 * connection strings).
 *
 * @see https://www.postgresql.org/docs/18/catalogs.html
 * @see https://www.postgresql.org/docs/18/views.html
 */
import type { ColumnLabel, Label } from '../../model/labels.ts';

const LABELLED: Readonly<Record<string, Readonly<Record<Label, readonly string[]>>>> = {
  pg_statistic: {
    statistics: [
      'stanullfrac',
      'stawidth',
      'stadistinct',
      ...[1, 2, 3, 4, 5].flatMap((slot) => [
        `stakind${slot}`,
        `staop${slot}`,
        `stacoll${slot}`,
        `stanumbers${slot}`,
        `stavalues${slot}`,
      ]),
    ],
  },
  pg_stats: {
    statistics: [
      'null_frac',
      'avg_width',
      'n_distinct',
      'most_common_vals',
      'most_common_freqs',
      'histogram_bounds',
      'correlation',
      'most_common_elems',
      'most_common_elem_freqs',
      'elem_count_histogram',
      'range_length_histogram',
      'range_empty_frac',
      'range_bounds_histogram',
    ],
  },
  pg_statistic_ext_data: { statistics: ['stxdndistinct', 'stxddependencies', 'stxdmcv', 'stxdexpr'] },
  pg_stats_ext: {
    statistics: [
      'n_distinct',
      'dependencies',
      'most_common_vals',
      'most_common_val_nulls',
      'most_common_freqs',
      'most_common_base_freqs',
    ],
  },
  pg_stats_ext_exprs: {
    statistics: [
      'null_frac',
      'avg_width',
      'n_distinct',
      'most_common_vals',
      'most_common_freqs',
      'histogram_bounds',
      'correlation',
      'most_common_elems',
      'most_common_elem_freqs',
      'elem_count_histogram',
      'range_length_histogram',
      'range_empty_frac',
      'range_bounds_histogram',
    ],
  },
  ...traces(),
  pg_backend_memory_contexts: {
    statistics: ['total_bytes', 'total_nblocks', 'free_bytes', 'free_chunks', 'used_bytes'],
  },
  pg_stat_activity: { statement_text: ['query'] },
  pg_prepared_statements: { statement_text: ['statement'] },
  pg_cursors: { statement_text: ['statement'] },
  pg_largeobject: { secret: ['data'] },
  pg_authid: { secret: ['rolpassword'] },
  pg_shadow: { secret: ['passwd'] },
  pg_user_mapping: { secret: ['umoptions'] },
  pg_user_mappings: { secret: ['umoptions'] },
  pg_foreign_server: { secret: ['srvoptions'] },
  pg_subscription: { secret: ['subconninfo'] },
  pg_stat_wal_receiver: {
    secret: ['conninfo'],
    statistics: ['receive_start_lsn', 'written_lsn', 'flushed_lsn', 'latest_end_lsn'],
  },
  pg_settings: { secret: ['setting', 'boot_val', 'reset_val'] },
  pg_db_role_setting: { secret: ['setconfig'] },
  pg_roles: { secret: ['rolconfig'] },
  pg_user: { secret: ['useconfig'] },
  pg_hba_file_rules: { secret: ['options', 'error'] },
  pg_ident_file_mappings: { secret: ['error'] },
  pg_file_settings: { secret: ['setting', 'error'] },
};

/**
 * What a write leaves behind in counters: whether it touched an index, how many blocks, how long its log was. They tell whether
 * a value that was written is the one that was there.
 */
function traces(): Record<string, Record<Label, readonly string[]>> {
  const counted: [string, readonly string[]][] = [
    ...['all', 'user', 'sys'].flatMap((whose): [string, readonly string[]][] => [
      [`pg_stat_${whose}_tables`, ['n_tup_hot_upd', 'n_tup_newpage_upd']],
      [`pg_stat_xact_${whose}_tables`, ['n_tup_hot_upd', 'n_tup_newpage_upd']],
      [
        `pg_statio_${whose}_tables`,
        ['heap', 'idx', 'toast', 'tidx'].flatMap((part) => [`${part}_blks_read`, `${part}_blks_hit`]),
      ],
      [`pg_statio_${whose}_indexes`, ['idx_blks_read', 'idx_blks_hit']],
    ]),
    ['pg_stat_database', ['blks_read', 'blks_hit', 'temp_files', 'temp_bytes']],
    ['pg_stat_wal', ['wal_records', 'wal_fpi', 'wal_bytes', 'wal_buffers_full']],
    [
      'pg_stat_io',
      ['read', 'write', 'extend']
        .flatMap((kind) => [`${kind}s`, `${kind}_bytes`])
        .concat('hits', 'writebacks'),
    ],
    ['pg_stat_replication', ['sent_lsn', 'write_lsn', 'flush_lsn', 'replay_lsn']],
    ['pg_stat_subscription', ['received_lsn', 'latest_end_lsn']],
    ['pg_replication_origin_status', ['remote_lsn', 'local_lsn']],
    ['pg_replication_slots', ['restart_lsn', 'confirmed_flush_lsn', 'safe_wal_size']],
  ];
  return Object.fromEntries(counted.map(([view, columns]) => [view, { statistics: columns }]));
}

const INFORMATION_SCHEMA: Readonly<Record<string, readonly string[]>> = {
  _pg_foreign_servers: ['srvoptions'],
  _pg_user_mappings: ['umoptions'],
  foreign_server_options: ['option_value'],
  user_mapping_options: ['option_value'],
};

/** Extensions that are usually installed into these schemas. Elsewhere, the configuration must name them. */
const EXTENSION_SCHEMAS: readonly string[] = ['public', 'extensions', 'monitoring', 'pg_catalog'];
const EXTENSION_RELATIONS: Readonly<Record<string, Readonly<Record<Label, readonly string[]>>>> = {
  pg_stat_statements: { statement_text: ['query'], statistics: statementTraces() },
  pg_stat_monitor: { statement_text: ['query', 'query_plan'], statistics: statementTraces() },
};

/** Blocks and log of a statement. */
function statementTraces(): readonly string[] {
  const blocks = ['shared', 'local'].flatMap((where) =>
    ['hit', 'read', 'dirtied', 'written'].map((what) => `${where}_blks_${what}`),
  );
  const log = ['wal_records', 'wal_fpi', 'wal_bytes', 'wal_buffers_full'];
  return [...blocks, 'temp_blks_read', 'temp_blks_written', ...log];
}

function of(schema: string, relation: string, label: Label, columns: readonly string[]): ColumnLabel[] {
  return columns.map((column) => ({ relation: `${schema}.${relation}`, column, label }));
}

/** Labels that every database has, whatever its configuration says. */
export const BUILTIN_LABELS: readonly ColumnLabel[] = [
  ...Object.entries(LABELLED).flatMap(([relation, labels]) =>
    Object.entries(labels).flatMap(([label, columns]) => of('pg_catalog', relation, label, columns)),
  ),
  ...Object.entries(INFORMATION_SCHEMA).flatMap(([relation, columns]) =>
    of('information_schema', relation, 'secret', columns),
  ),
  ...EXTENSION_SCHEMAS.flatMap((schema) =>
    Object.entries(EXTENSION_RELATIONS).flatMap(([relation, labels]) =>
      Object.entries(labels).flatMap(([label, columns]) => of(schema, relation, label, columns)),
    ),
  ),
];
