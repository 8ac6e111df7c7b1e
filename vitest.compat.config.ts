import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';
import { CompatibilityReporter } from './tests/compat/page-reporter.ts';
import base from './vitest.config.ts';

/** Real clients against a real gateway process. Needs psql and pgbench; see tests/compat/README.md. */
const compat = mergeConfig(
  { ...base, test: { ...base.test, include: [], exclude: [] } },
  defineConfig({
    test: {
      include: ['tests/compat/**/*.test.ts'],
      // The fast part of the comparison runs with `npm test`.
      exclude: [...configDefaults.exclude, 'tests/compat/difference/!(*.heavy).test.ts'],
      testTimeout: 60_000,
      fileParallelism: false,
      // Beside those of the base.
      reporters: [new CompatibilityReporter()],
    },
  }),
);

export default compat;
