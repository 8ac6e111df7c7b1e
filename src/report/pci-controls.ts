/** Controls of PCI DSS that a record of database access can say something about. */
import { control, type Framework } from './control.ts';

export const PCI: Framework = {
  name: 'PCI DSS',
  edition: '4.0.1',
  controls: [
    control(
      '3.4.1',
      'PAN is masked when it is displayed',
      'rows read with card numbers masked and as they are, by label',
      'personal-data',
    ),
    control(
      '7.2.1, 7.2.2',
      'access is granted by role and least privilege',
      'who had access, and by which policy',
      'access',
    ),
    control(
      '7.2.6',
      'queries of stored cardholder data are restricted',
      'who read labelled columns as they are, and what was refused',
      'personal-data',
      'denials',
    ),
    control(
      '8.2.1',
      'users are identified uniquely',
      'each statement under its principal and the people it acted for',
      'access',
    ),
    control(
      '10.2.1.1',
      'individual access to cardholder data is logged',
      'reads of labelled columns by principal',
      'personal-data',
    ),
    control(
      '10.2.1.2',
      'actions with administrative access are logged',
      'privileged statements',
      'privileged',
    ),
    control(
      '10.2.1.3',
      'access to audit logs is logged',
      'who read the record with keys, and who destroyed keys',
      'audit-access',
    ),
    control(
      '10.2.1.4',
      'invalid access attempts are logged',
      'failed log-ins and denials',
      'logins',
      'denials',
    ),
    control(
      '10.2.1.5',
      'changes to credentials are logged',
      'tokens issued and revoked, grants',
      'credentials',
    ),
    control(
      '10.2.1.6',
      'starting and stopping of audit logs is logged',
      'recoveries, and statements without an outcome; the gate does not serve without its record',
      'gaps',
    ),
    control(
      '10.2.1.7',
      'creation and deletion of system-level objects is logged',
      'statements that create, alter and drop',
      'privileged',
    ),
    control(
      '10.3.2, 10.3.4',
      'audit logs are protected from change, and a change is noticed',
      'the signed checkpoint, and how to verify the log against it',
      'verify',
      'gaps',
    ),
    control(
      '10.4.1',
      'audit logs are reviewed',
      'what a reviewer looks at; that they did is for the organisation to show',
      'denials',
      'logins',
      'privileged',
    ),
  ],
};
