/** A framework's controls, and the sections of a report that speak to them. */

/** A section of the report, by its anchor. */
export type SectionId =
  | 'access'
  | 'privileged'
  | 'approvals'
  | 'denials'
  | 'personal-data'
  | 'changes'
  | 'credentials'
  | 'logins'
  | 'audit-access'
  | 'gaps'
  | 'verify';

export const SECTION_TITLES: Readonly<Record<SectionId, string>> = {
  access: 'Who had access',
  privileged: 'Privileged activity',
  approvals: 'Approvals and separation of duties',
  denials: 'Denials',
  'personal-data': 'Personal data',
  changes: 'Policies and configuration',
  credentials: 'Credentials and grants',
  logins: 'Failed log-ins',
  'audit-access': 'The record itself',
  gaps: 'Gaps',
  verify: 'How to check this report',
};

export interface Control {
  readonly id: string;
  /** What the control is about, in our words. */
  readonly about: string;
  /** What the sections can show of it. */
  readonly shows: string;
  readonly sections: readonly SectionId[];
}

export interface Framework {
  readonly name: string;
  /** Which edition the numbers are of. */
  readonly edition: string;
  readonly controls: readonly Control[];
}

export const control = (id: string, about: string, shows: string, ...sections: SectionId[]): Control => ({
  ...{ id, about, shows, sections },
});
