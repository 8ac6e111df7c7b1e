/** Controls of FedRAMP that a record of database access can say something about. */
import { control, type Framework } from './control.ts';

export const FEDRAMP: Framework = {
  name: 'FedRAMP',
  edition: 'NIST SP 800-53 Rev. 5',
  controls: [
    control(
      'AC-2',
      'accounts are managed',
      'credentials given and withdrawn, and who used them',
      'credentials',
      'access',
    ),
    control('AC-3', 'access is enforced', 'what policies let through and refused', 'access', 'denials'),
    control(
      'AC-5',
      'duties are separated',
      'that requests were approved by others than those who asked',
      'approvals',
    ),
    control('AC-6(9)', 'use of privileged functions is logged', 'privileged statements', 'privileged'),
    control('AC-7', 'unsuccessful log-ons', 'failed log-ins', 'logins'),
    control(
      'AU-2, AU-3, AU-12',
      'events are logged with what is needed to tell them apart',
      'entries with who, when, what, from where, and how it ended',
      'access',
      'gaps',
    ),
    control(
      'AU-5',
      'failures of logging are responded to',
      'recoveries and gaps; the gate does not serve without its record',
      'gaps',
    ),
    control(
      'AU-6',
      'audit records are reviewed and analysed',
      'what a reviewer looks at; that they did is for the organisation to show',
      'denials',
      'logins',
      'privileged',
    ),
    control(
      'AU-9, AU-9(3)',
      'audit information is protected, by cryptography too',
      'the signed checkpoint, and who read the record',
      'verify',
      'audit-access',
    ),
    control('AU-10', 'non-repudiation', 'entries that can be proven one by one', 'verify'),
    control(
      'CM-3, CM-5',
      'changes are controlled and restricted',
      'changes of schema, policies and configuration, and their approvals',
      'privileged',
      'changes',
      'approvals',
    ),
    control(
      'SI-4',
      'the system is monitored',
      'denials, failed log-ins and gaps',
      'denials',
      'logins',
      'gaps',
    ),
  ],
};
