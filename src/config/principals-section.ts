/** `groups` and `principals`: who may connect, and for whom. */
import type { PrincipalKind } from '../model/principal.ts';
import type { PrincipalConfig } from './config.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { didYouMean } from './nearest-name.ts';
import type { RawConfig, RawPrincipal } from './raw-config.ts';

/** As the policies call them. */
export const KINDS: Readonly<Record<RawPrincipal['kind'], PrincipalKind>> = {
  human: 'Human',
  agent: 'Agent',
  service: 'Service',
};

export function readPrincipals(reading: ConfigReading, raw: RawConfig): Map<string, PrincipalConfig> {
  const principals = new Map<string, PrincipalConfig>();
  for (const [id, entry] of Object.entries(raw.principals ?? {})) {
    const { kind, displayName, groups = [], mayActFor = [], maxConnections } = entry;
    checkGroups(reading, raw.groups, ['principals', id, 'groups'], groups);
    checkMayActFor(reading, raw, id, entry);
    const named = displayName === undefined ? {} : { displayName };
    const bounded = maxConnections === undefined ? {} : { maxConnections };
    const elsewhere = pickAccounts(entry);
    principals.set(id, { id, kind: KINDS[kind], ...named, groups, mayActFor, ...bounded, ...elsewhere });
  }
  checkAccounts(reading, raw);
  return principals;
}

const ACCOUNTS = ['email', 'slackUser', 'teamsUser'] as const;

function pickAccounts(entry: RawPrincipal): Partial<Record<(typeof ACCOUNTS)[number], string>> {
  return Object.fromEntries(ACCOUNTS.flatMap((key) => (entry[key] === undefined ? [] : [[key, entry[key]]])));
}

/** Whoever clicks there acts here: an account stands for one person, and only people answer. */
function checkAccounts(reading: ConfigReading, raw: RawConfig): void {
  const owners = new Map<string, string>();
  for (const [id, entry] of Object.entries(raw.principals ?? {})) {
    for (const key of ACCOUNTS) {
      const account = entry[key];
      if (account === undefined) continue;
      const path = ['principals', id, key];
      if (entry.kind !== 'human') {
        reading.error(path, `only a human has ${key}`, 'Remove it: agents and services answer nothing.');
      }
      const owned = `${key} ${account.toLowerCase()}`;
      const owner = owners.get(owned);
      if (owner === undefined) owners.set(owned, id);
      else reading.error(path, `${owner} has the same ${key}`, 'Give each person their own.');
    }
  }
}

/** Reports groups that `groups` does not list, if it is there at all. */
export function checkGroups(
  reading: ConfigReading,
  known: readonly string[] | undefined,
  path: ConfigPath,
  groups: readonly string[],
): void {
  if (known === undefined) return;
  for (const [index, group] of groups.entries()) {
    if (known.includes(group)) continue;
    const fix = didYouMean(group, known, `Add "${group}" to groups, or remove it here.`);
    reading.error([...path, index], `there is no group "${group}"`, fix);
  }
}

function checkMayActFor(reading: ConfigReading, raw: RawConfig, id: string, entry: RawPrincipal): void {
  const path = ['principals', id, 'mayActFor'];
  const others = Object.keys(raw.principals ?? {}).filter((name) => name !== id);
  if (entry.kind === 'human' && entry.mayActFor !== undefined) {
    reading.error(
      path,
      'a human acts for nobody else',
      'Remove mayActFor, or make it an agent or a service.',
      'key',
    );
    return;
  }
  for (const [index, other] of (entry.mayActFor ?? []).entries()) {
    if (others.includes(other)) continue;
    const itself = other === id;
    const message = itself ? `${id} cannot act for itself` : `there is no principal "${other}"`;
    const fix = itself ? 'Remove it.' : didYouMean(other, others, 'Remove it, or add it to principals.');
    reading.error([...path, index], message, fix);
  }
}
