/**
 * A thousand policies, as a company of many teams would have them: those that ship, and three for each team about its own schema, its own
 * labels and its own writes.
 */
import type { PolicySource } from '../src/policy/load.ts';

const TEAMS = 320;

/** The policies given, and 960 more. */
export function manyPolicies(shipped: readonly PolicySource[]): readonly PolicySource[] {
  const text = Array.from({ length: TEAMS }, (_, i) => teamPolicies(`team${i}`)).join('\n');
  return [...shipped, { file: 'teams.cedar', text }];
}

const teamPolicies = (team: string): string => `
@id("${team}-schema")
@reason("The schema of another team.")
@hint("Ask them.")
forbid (principal, action in Action::"Write", resource in Schema::"shop/${team}")
unless { principal in Group::"${team}" };

@id("${team}-sees")
permit (principal in Group::"${team}", action == Action::"Unmask", resource in Schema::"shop/${team}");

@id("${team}-bulk")
@reason("Bulk reads of unmasked columns need approval.")
@hint("Add a WHERE clause.")
@approval("groups=dba")
forbid (principal in Group::"${team}", action == Action::"Read", resource)
when { context.hazards.contains("bulk-read") && context.columnsRead.contains("${team}_key") };`;
