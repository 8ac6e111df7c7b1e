/** Which entries an export gets. Pure. */
import type { ExportConfig } from '../config/config.ts';
import type { KnownEntry } from './sinks/sink.ts';

/**
 * What is not asked about passes: entries that concern no database, whatever `databases` says, and those that are no statement, whatever
 * `decisions` does. An outcome goes with its statement; where that is not known any more, it passes: better too much than too little.
 */
export function isSelected(
  { kinds, decisions, databases }: Pick<ExportConfig, 'kinds' | 'decisions' | 'databases'>,
  known: KnownEntry,
): boolean {
  const { entry, context, statement } = known;
  if (kinds !== undefined && !kinds.includes(entry.event.kind)) return false;
  if (decisions !== undefined && statement !== undefined && !decisions.includes(statement.decision))
    return false;
  if (databases === undefined) return true;
  const { database } = entry.event as { database?: unknown };
  const concerned =
    context?.database ?? (typeof database === 'string' && database !== '' ? database : undefined);
  return concerned === undefined || databases.includes(concerned);
}
