/** The ledger → what a report says. Reads each entry once; the same entries give the same evidence. */
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { AccessPart } from './access-part.ts';
import { AdministrationPart } from './administration-part.ts';
import { type Anchoring, AnchorsPart } from './anchors-part.ts';
import { ApprovalsPart } from './approvals-part.ts';
import type { Evidence, GapRow, Listed } from './evidence.ts';
import type { FilterScope } from './filter-text.ts';
import { GapsPart } from './gaps-part.ts';
import { PersonalDataPart } from './personal-data-part.ts';
import { StatementsPart } from './statements-part.ts';
import { LedgerWalk } from './walk.ts';

/** Who made the report, of which log. */
export type EvidenceFrame = Pick<Evidence, 'framework' | 'madeAt' | 'madeBy' | 'version' | 'log'>;

export interface CollectOptions {
  /** Checkpoints that were kept in a second place, if there is one to look at. */
  readonly anchoring?: Anchoring;
}

/** @param entries all of the ledger, oldest first, as `readEntries` gives them; throws what they throw */
export async function collectEvidence(
  entries: AsyncIterable<LedgerEntry>,
  scope: FilterScope,
  frame: EvidenceFrame,
  { anchoring }: CollectOptions = {},
): Promise<Evidence> {
  const access = new AccessPart();
  const statements = new StatementsPart();
  const approvals = new ApprovalsPart();
  const personalData = new PersonalDataPart();
  const administration = new AdministrationPart();
  const gaps = new GapsPart();
  const anchors = anchoring === undefined ? [] : [new AnchorsPart(anchoring, frame.madeAt)];
  const walk = new LedgerWalk(scope, [
    ...anchors,
    access,
    statements,
    approvals,
    personalData,
    administration,
    gaps,
  ]);
  await walk.run(entries);
  return {
    ...{ format: 1, from: scope.from, to: scope.to, ...frame },
    ...(scope.database === undefined ? {} : { database: scope.database }),
    entries: walk.entries,
    summary: [
      ...statements.figures(scope),
      ...approvals.figures(scope),
      ...personalData.figures(),
      ...administration.figures(scope),
      ...gaps.figures(scope),
    ],
    access: access.result(scope),
    privileged: statements.privileged(scope),
    approvals: approvals.result(scope),
    denials: statements.denials(scope),
    labels: personalData.result(scope),
    ...administration.result(scope),
    gaps: joined(gaps.result(), ...anchors.map((part) => part.result())),
  };
}

/** By their places in the ledger. */
function joined(...lists: readonly Listed<GapRow>[]): Listed<GapRow> {
  const rows = lists.flatMap((list) => list.rows).sort((a, b) => a.seq - b.seq);
  return { rows, total: lists.reduce((sum, { total }) => sum + total, 0) };
}
