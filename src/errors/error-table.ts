/**
 * The table code → SQLSTATE, HTTP status, meaning and default hint. `docs/errors.md` is generated from it and a test
 * keeps both equal. Codes are stable: once released, one is never renamed nor its SQLSTATE changed.
 *
 * SQLSTATEs follow PostgreSQL's errcodes.txt (Appendix A of its manual) where it has one; decisions of the gate itself
 * use the private class `SL`, which no driver takes for a transient failure and retries.
 */

/** A five-character SQLSTATE. */
export type SqlState = string & { readonly __brand: 'SqlState' };

interface ErrorRow {
  readonly sqlstate: SqlState;
  readonly httpStatus: number;
  /** One sentence for docs/errors.md: when this happens. */
  readonly meaning: string;
  /** The hint given when the thrower has none better. */
  readonly hint?: string;
}

const row = (sqlstate: string, httpStatus: number, meaning: string, hint?: string): ErrorRow => ({
  sqlstate: sqlstate as SqlState,
  httpStatus,
  meaning,
  ...(hint === undefined ? {} : { hint }),
});

export const ERROR_TABLE = {
  // Decisions of the gate.
  statement_denied: row('SL001', 403, 'A policy forbids the statement.'),
  statement_held: row(
    'SL002',
    409,
    'The statement needs approval and the session asked not to wait for it.',
    'Retry the identical statement once the request is approved; do not rewrite it.',
  ),
  approval_denied: row(
    'SL003',
    403,
    'A reviewer denied the request.',
    'Read the reason. Do not rewrite the statement to get around it; ask whoever denied it what would be accepted.',
  ),
  approval_expired: row(
    'SL004',
    409,
    'The approval request expired: nobody answered in time, or what was approved did not run in time.',
    'Send the identical statement again to make a new request.',
  ),
  approval_drifted: row(
    'SL005',
    409,
    'What was approved is no longer what would run: an object changed since, or one of the rows that were previewed.',
    'Send the identical statement again to make a new request.',
  ),
  preview_refused: row(
    'SL033',
    409,
    'The statement cannot be run and taken back without a trace, or not be shown row by row.',
    'Read the statement and its blast radius instead.',
  ),
  preview_failed: row(
    'SL031',
    409,
    'The preview did not come to its end: a lock was not to be had, it took too long, or the database refused the statement.',
    'Try again later, or name a copy of the database for previews in the configuration.',
  ),
  row_limit_exceeded: row(
    'SL032',
    403,
    'The statement touched more rows than a policy lets it. What it changed is rolled back; of what it reads, no more comes.',
    'Ask for fewer rows at a time.',
  ),
  not_understood: row(
    'SL006',
    403,
    'The statement holds something the gate cannot see through, and the principal is under restriction.',
  ),
  mask_refused: row(
    'SL007',
    403,
    'The statement touches a masked relation in a way that cannot be answered on masked values.',
  ),
  plan_stale: row(
    'SL008',
    409,
    'A prepared statement or cursor was made under policies, labels, a catalog or settings that have changed since.',
    'Prepare the statement or declare the cursor again.',
  ),
  lookups_exhausted: row(
    'SL009',
    429,
    'The principal has looked up as many values of hidden columns as it may within an hour.',
    'Try again later, or ask whoever writes the policies for a higher limit.',
  ),
  personal_data_found: row(
    'SL010',
    403,
    'A result was ended because a cell without a label looks personal, and the database is configured to stop it.',
    'Leave the column out, or ask for it to be labelled.',
  ),
  approval_not_now: row(
    'SL020',
    409,
    'The statement is approved, and may run only at certain times.',
    'Retry the identical statement at the time named; do not rewrite it.',
  ),

  budget_exceeded: row(
    'SL030',
    429,
    'A budget of the principal, its session or the database is used up.',
    'Try again when a part of it is free again, or use less.',
  ),

  // Identity and connection.
  authentication_failed: row(
    '28P01',
    401,
    'The token is wrong, expired or revoked, or the principal is unknown.',
  ),
  connect_denied: row('28000', 403, 'A policy forbids the principal to connect to the database.'),
  unknown_database: row('3D000', 404, 'No database of that name is configured.'),
  too_many_connections: row(
    '53300',
    429,
    'The gateway, the principal or the database is at its connection limit.',
  ),
  protocol_violation: row('08P01', 400, 'A message is malformed, oversized or out of order.'),
  startup_timeout: row('08006', 408, 'The client did not finish its start-up in time.'),
  unsupported: row('0A000', 501, 'The protocol feature is not offered by the gate.'),
  upstream_unavailable: row('08001', 502, 'The database cannot be reached or does not accept the gateway.'),
  upstream_lost: row('08006', 502, 'The connection to the database broke.'),
  outcome_unknown: row(
    '08007',
    502,
    'The session ended while a transaction was being committed, and nobody knows whether it was.',
    'Look whether it has taken effect before you try again.',
  ),
  cancelled: row('57014', 409, 'The statement was cancelled by the client while it waited.'),
  idle_session: row('57P05', 408, 'The session was idle for longer than limits.idleSessionTimeout.'),
  idle_in_transaction: row(
    '25P03',
    408,
    'The session was idle in a transaction for longer than limits.idleInTransactionTimeout.',
  ),
  shutting_down: row('57P01', 503, 'The gateway is shutting down.'),
  session_killed: row('57P01', 409, 'An administrator ended the session.'),
  not_serving: row(
    '57P03',
    503,
    'No process of the gateway is ready to serve a connection.',
    'Try again in a moment.',
  ),
  worker_lost: row('58000', 503, 'Another process of the gateway ended or did not answer.'),

  // Statements.
  syntax_error: row('42601', 400, 'The statement does not parse.'),
  no_such_statement: row('26000', 404, 'No prepared statement of that name was made in this session.'),
  no_such_relation: row('42P01', 404, 'The relation does not exist, or is not visible to this session.'),
  no_such_portal: row('34000', 404, 'No portal or cursor of that name is open in this session.'),
  statement_too_complex: row(
    '54001',
    400,
    'The statement is nested too deeply or takes too long to analyse.',
  ),
  statement_too_large: row('54000', 413, 'The statement is larger than the gate accepts.'),
  bad_encoding: row('22021', 400, 'The statement holds bytes that are invalid in its encoding.'),

  // Recording.
  ledger_full: row('53100', 503, 'The ledger cannot be written: the disk is full.'),
  ledger_unavailable: row('58030', 503, 'The ledger cannot be written.'),
  ledger_corrupt: row('XX001', 500, 'The ledger does not verify.'),
  ledger_locked: row('55006', 409, 'Another process holds the data directory.'),
  store_unavailable: row(
    '58030',
    503,
    'The embedded store cannot be read or written, or another version made it.',
  ),

  // Configuration, API, command line.
  config_invalid: row(
    'F0000',
    400,
    'The configuration is invalid; the message names file, line and the fix.',
  ),
  policy_invalid: row('F0000', 400, 'A policy does not parse or does not validate against the schema.'),
  unauthorized: row('28000', 401, 'The API call has no valid token.'),
  forbidden: row('42501', 403, 'The caller may not do this.'),
  not_found: row('42704', 404, 'There is no such thing.'),
  conflict: row('55000', 409, 'The thing is not in a state that allows this.'),
  bad_request: row('22023', 400, 'A parameter is missing or malformed.'),
  internal: row('XX000', 500, 'A defect of the gateway; the log has the cause.'),
} as const satisfies Record<string, ErrorRow>;

/** The stable codes. */
export type ErrorCode = keyof typeof ERROR_TABLE;
