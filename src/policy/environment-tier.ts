/**
 * How careful to be in an environment, by its name. Pure. A name we do not know counts as production: a typo must not
 * loosen anything.
 */

export type EnvironmentTier = 'dev' | 'staging' | 'prod';

/** The names that are not production, lower case. */
export const ENVIRONMENT_TIERS: Readonly<Record<Exclude<EnvironmentTier, 'prod'>, readonly string[]>> = {
  dev: ['dev', 'develop', 'development', 'local', 'test', 'testing', 'ci', 'sandbox'],
  staging: ['staging', 'stage', 'stg', 'preprod', 'pre-prod', 'uat', 'qa', 'integration'],
};

/** The tier of an environment; `prod` for any name that is not in the table. */
export function tierOf(environment: string): EnvironmentTier {
  const name = environment.toLowerCase();
  if (ENVIRONMENT_TIERS.dev.includes(name)) return 'dev';
  return ENVIRONMENT_TIERS.staging.includes(name) ? 'staging' : 'prod';
}
