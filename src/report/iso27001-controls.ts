/** Controls of ISO/IEC 27001 that a record of database access can say something about. */
import { control, type Framework } from './control.ts';

export const ISO27001: Framework = {
  name: 'ISO/IEC 27001',
  edition: '2022, Annex A',
  controls: [
    control(
      'A.5.3',
      'segregation of duties',
      'that requests were approved by others than those who asked',
      'approvals',
    ),
    control(
      'A.5.15',
      'access control',
      'the policies in force, and what they let through and refused',
      'access',
      'denials',
      'changes',
    ),
    control(
      'A.5.18',
      'access rights',
      'credentials and grants given, used and withdrawn',
      'credentials',
      'access',
    ),
    control('A.5.28', 'collection of evidence', 'a record whose entries can be proven one by one', 'verify'),
    control(
      'A.5.33',
      'protection of records',
      'the signed checkpoint, its witnesses, and any gaps',
      'verify',
      'gaps',
    ),
    control(
      'A.5.34',
      'privacy and protection of personal data',
      'reads of labelled columns, masked and as they are',
      'personal-data',
    ),
    control('A.8.2', 'privileged access rights', 'privileged statements and who ran them', 'privileged'),
    control(
      'A.8.3',
      'restriction of access to information',
      'which policy let each principal through',
      'access',
      'denials',
    ),
    control('A.8.5', 'secure authentication', 'failed log-ins; who had which token', 'logins', 'credentials'),
    control('A.8.11', 'data masking', 'how many rows were answered on masked values', 'personal-data'),
    control(
      'A.8.15',
      'logging',
      'what was recorded in the period, and who read the record',
      'audit-access',
      'gaps',
      'verify',
    ),
    control(
      'A.8.16',
      'monitoring of activities',
      'refusals, failed log-ins and privileged activity',
      'denials',
      'logins',
      'privileged',
    ),
    control(
      'A.8.32',
      'change management',
      'changes of schema, policies and configuration, and their approvals',
      'privileged',
      'changes',
      'approvals',
    ),
  ],
};
