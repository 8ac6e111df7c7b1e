/**
 * Tests of PostgreSQL's suites whose outcome through the gate may differ, each with the reason, which docs/regression.md repeats. A test that is not
 * listed here must come out as it does direct.
 */
export const KNOWN_DIFFERENCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'contrib/pg_stat_statements': {
    pg_stat_statements:
      'The extension counts what all connections of a server run, and the gate asks questions of its own: the catalog on a connection of its own, the state of a session on that of the session.',
  },
};
