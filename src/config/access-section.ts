/** `access`: what may be asked for a time, and who decides. */
import type { ApprovalRule } from '../model/decision.ts';
import { readApproval } from './approval-text.ts';
import type { AccessConfig, AccessRule, ApprovalConfig } from './config.ts';
import { DEFAULT_ACCESS_MS } from './config-defaults.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { readDuration } from './limits-section.ts';
import { checkGroups } from './principals-section.ts';
import type { RawAccessRule, RawConfig } from './raw-config.ts';

const MIN_MS = 60_000;
const MAX_MS = 30 * 24 * 3600 * 1000;

/** @param defaults what an approval leaves out */
export function readAccess(reading: ConfigReading, raw: RawConfig, defaults: ApprovalConfig): AccessConfig {
  const rulesOf = (kind: 'groups' | 'unmask') =>
    new Map(
      Object.entries<RawAccessRule>(raw.access?.[kind] ?? {}).map(([name, rule]) => [
        name,
        readRule(reading, raw, ['access', kind, name], rule, defaults),
      ]),
    );
  for (const group of Object.keys(raw.access?.groups ?? {}))
    checkGroups(reading, raw.groups, ['access', 'groups'], [group]);
  return { groups: rulesOf('groups'), unmask: rulesOf('unmask') };
}

function readRule(
  reading: ConfigReading,
  raw: RawConfig,
  path: ConfigPath,
  rule: RawAccessRule,
  defaults: ApprovalConfig,
): AccessRule {
  const { requesters, databases } = rule;
  checkGroups(reading, raw.groups, [...path, 'requesters'], requesters ?? []);
  for (const [index, name] of (databases ?? []).entries()) {
    if (raw.databases?.[name] !== undefined) continue;
    reading.error([...path, 'databases', index], `there is no database "${name}"`, 'Remove it.');
  }
  const durationPath = [...path, 'maxDuration'];
  const bounds = [MIN_MS, MAX_MS] as const;
  return {
    approval: readRuleText(reading, raw, [...path, 'approval'], rule.approval, defaults),
    maxMs: readDuration(reading, durationPath, rule.maxDuration, DEFAULT_ACCESS_MS, bounds),
    ...(requesters === undefined ? {} : { requesters }),
    ...(databases === undefined ? {} : { databases }),
  };
}

function readRuleText(
  reading: ConfigReading,
  raw: RawConfig,
  path: ConfigPath,
  text: string,
  { groups, quorum, expiresMs }: ApprovalConfig,
): ApprovalRule {
  try {
    const rule = readApproval(text, { groups, quorum, expiresMs });
    for (const group of [...rule.groups, ...(rule.escalation?.groups ?? [])]) {
      if (raw.groups === undefined || raw.groups.includes(group)) continue;
      reading.error(path, `there is no group "${group}"`, 'Add it to groups, or name another.');
    }
    return rule;
  } catch (thrown) {
    reading.error(path, (thrown as Error).message, 'docs/policy.md lists what an approval can say.');
    return { groups, quorum, expiresMs };
  }
}
