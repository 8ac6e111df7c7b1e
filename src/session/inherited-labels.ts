/**
 * Labels go with the values: what a statement stores in other columns is labelled there, too. Which labels those are follows from where
 * its values come from. Values that are masked for whoever asks are no values, and bring none.
 */
import type { Decision } from '../model/decision.ts';
import type { Facts, ValueFlow, ValueOrigin } from '../model/facts.ts';
import type { Label, LabelSet } from '../model/labels.ts';

/** A label that comes into a column with what a statement stores there. */
export interface InheritedLabel extends Pick<ValueFlow, 'relation' | 'column' | 'isNew' | 'temporary'> {
  readonly from: ValueOrigin;
  /** Absent if `from` is of the session's own: only that knows which labels it has. */
  readonly label?: Label;
  /** Keys of a document, if only what stands there has the label. */
  readonly path?: readonly string[];
  /** True if it is something else than the value itself. */
  readonly computed: boolean;
}

/** What the statement brings where; undefined if nothing, which is the rule. @param labels of all sets there are */
export function inheritedLabels(
  { flows = [], relations }: Facts,
  { masks }: Decision,
  labels: readonly LabelSet[],
): readonly InheritedLabel[] | undefined {
  if (flows.length === 0) return undefined;
  const isMasked = ({ relation, column }: ValueOrigin): boolean =>
    masks.some((mask) => mask.relation === relation && mask.column === column);
  const everything = relations.flatMap(({ relation, reads, known, temporary }): ValueOrigin[] =>
    known
      ? reads.map((column) => ({ relation, column, own: temporary }))
      : [{ relation, column: '', own: true }],
  );
  const inherited = flows.flatMap(({ from = everything, exact, ...place }) =>
    from
      .filter((origin) => !isMasked(origin))
      .flatMap((origin) => broughtBy(origin, exact, labels).map((one) => ({ ...place, ...one }))),
  );
  return inherited.length === 0 ? undefined : inherited;
}

function broughtBy(
  from: ValueOrigin,
  exact: boolean,
  labels: readonly LabelSet[],
): Pick<InheritedLabel, 'from' | 'label' | 'path' | 'computed'>[] {
  if (from.own) return [{ from, computed: !exact }];
  return labels
    .flatMap((set) => set.ofRelation(from.relation))
    .filter(({ column }) => column === from.column)
    .map(({ label, path, computed = false }) => ({
      from,
      label,
      // Of something computed from a document nobody knows where what stands.
      ...(path === undefined || !exact ? {} : { path }),
      computed: computed || (!exact && path === undefined),
    }));
}
