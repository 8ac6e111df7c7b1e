/**
 * Rules that no policy can switch off. They hold the promise that masks cannot be walked around; each has an id that decisions
 * and the ledger name like a policy's.
 */
import type { Database } from '../model/database.ts';
import type { Facts, Opaque } from '../model/facts.ts';
import { shown } from './explanation.ts';

/** Ids of everything that decides without being a policy. Stable; `sluice:` is not a legal start of a policy's id. */
export const BUILTIN = {
  /** The statement holds something opaque and the principal may not see everything. */
  notUnderstood: 'sluice:not-understood',
  /** A setting that would undo the gate's work. */
  restrictedSetting: 'sluice:restricted-setting',
  /** Evaluating a policy failed. */
  policyError: 'sluice:policy-error',
  /** The approval rules that apply have no group in common. */
  /** Rows are limited that nobody can count in time. */
  rowLimit: 'sluice:row-limit',
  /** The statement touches more things than can be decided in reasonable time. */
  tooBroad: 'sluice:too-broad',
} as const;

export interface Refusal {
  readonly id: string;
  readonly reason: string;
  readonly hint: string;
}

const MAX_NAMED = 3;

/** For restricted askers only: undefined means that nothing stands in the way. */
export function guardOf(facts: Facts, database: Database, principal: string): Refusal | undefined {
  return settingRefusal(facts) ?? opaqueRefusal(facts.opaque, database, principal);
}

/**
 * Settings that change how later statements are read, or as whom and under which safeguards they run, would make the facts
 * untrue. The dialect knows which those are: it calls them opaque, or acts of administration.
 */
function settingRefusal({ settings, actions, opaque }: Facts): Refusal | undefined {
  const unreadable = opaque.find((one) => one.kind === 'setting');
  const [setting] = settings;
  if (unreadable === undefined && (setting === undefined || !actions.includes('Administer')))
    return undefined;
  const what = shown(unreadable?.what ?? `the setting ${setting?.name}`);
  return {
    id: BUILTIN.restrictedSetting,
    reason: `Those who see masked values cannot change ${what}.`,
    hint: OPAQUE_HINTS.setting,
  };
}

function opaqueRefusal(
  opaque: readonly Opaque[],
  database: Database,
  principal: string,
): Refusal | undefined {
  const [first] = opaque;
  if (first === undefined) return undefined;
  const named = [...new Set(opaque.map((one) => one.what))];
  const more = named.length > MAX_NAMED ? ` and ${named.length - MAX_NAMED} more` : '';
  const list = `${named.slice(0, MAX_NAMED).map(shown).join(', ')}${more}`;
  return {
    id: BUILTIN.notUnderstood,
    reason: `${principal} may not see every value in ${database.name}, and the gate cannot see through ${list}.`,
    hint: OPAQUE_HINTS[first.kind],
  };
}

const OPAQUE_HINTS: Readonly<Record<Opaque['kind'], string>> = {
  statement: 'Use plain SELECT, INSERT, UPDATE or DELETE statements.',
  function: 'Use built-in functions, or write out what the function does as a plain statement.',
  'dynamic-sql': 'Send the statement itself instead of text that the database executes.',
  relation: 'Check the spelling, or write the name with its schema.',
  type: 'Use built-in types, casts and operators.',
  setting: 'Leave the setting at its default.',
};
