import { configDefaults, defineConfig } from 'vitest/config';

/** Where to write a JSON report beside the one for people; `.ci/run` counts with it. */
const report = process.env.SLUICE_TEST_REPORT;

export default defineConfig({
  test: {
    include: ['{src,tests,bench,scripts}/**/*.test.ts'],
    // Real clients and what takes its time: `npm run compat`.
    exclude: [
      ...configDefaults.exclude,
      'tests/compat/*.test.ts',
      'tests/compat/!(difference)/**',
      'tests/compat/**/*.heavy.test.ts',
    ],
    globalSetup: ['tests/support/global-setup.ts'],
    // Waits end when what is awaited comes; the limits are for what never does, on a machine that is busy otherwise.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 25_000 } },
    pool: 'forks',
    maxWorkers: 2,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
