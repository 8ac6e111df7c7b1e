/**
 * Which part of a report speaks to which control of a framework. The tables of docs/evidence.md are written from this. It says what the record can show, never
 * that a control is met: that depends on what an organisation does, and is for its auditor to judge.
 */

import type { Framework } from './control.ts';
import { FEDRAMP } from './fedramp-controls.ts';
import { GDPR } from './gdpr-controls.ts';
import { HIPAA } from './hipaa-controls.ts';
import { ISO27001 } from './iso27001-controls.ts';
import { PCI } from './pci-controls.ts';
import { SOC2 } from './soc2-controls.ts';

export type FrameworkId = 'soc2' | 'iso27001' | 'pci' | 'hipaa' | 'gdpr' | 'fedramp';

export const FRAMEWORKS: Readonly<Record<FrameworkId, Framework>> = {
  soc2: SOC2,
  iso27001: ISO27001,
  pci: PCI,
  hipaa: HIPAA,
  gdpr: GDPR,
  fedramp: FEDRAMP,
};
