/**
 * Tests of PostgreSQL's suites whose outcome through the gate may differ, each with the reason, which docs/regression.md repeats. A test that is not
 * listed here must come out as it does direct.
 */
export const KNOWN_DIFFERENCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
