/** What the policies are asked about acts of the gate's own: no statement, no column. */
import type { Facts } from '../model/facts.ts';
import type { LabelSet } from '../model/labels.ts';

export const ADMINISTRATION: Facts = {
  ...{ command: 'KILL', actions: ['Administer'], relations: [], objects: [], functions: [], settings: [] },
  ...{ bounded: true, writes: false, changesCatalog: false, transaction: 'none', opaque: [] },
};

export const NO_LABELS: LabelSet = {
  ...{ version: '', labels: [], columns: [] },
  ofRelation: () => [],
  labelsOf: () => [],
};
