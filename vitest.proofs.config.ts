import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The proofs that masks hold and break nothing, each with thousands of statements: too long for every `npm test`. */
const proofs = mergeConfig(
  { ...base, test: { ...base.test, include: [], exclude: [] } },
  defineConfig({ test: { include: ['tests/**/*.proof.ts'], testTimeout: 60_000, hookTimeout: 120_000 } }),
);

export default proofs;
