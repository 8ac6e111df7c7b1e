/** Controls of SOC 2 that a record of database access can say something about. */
import { control, type Framework } from './control.ts';

export const SOC2: Framework = {
  name: 'SOC 2',
  edition: 'Trust Services Criteria 2017, points of focus of 2022',
  controls: [
    control(
      'CC6.1',
      'logical access is restricted',
      'who reached which database, and the policies that let it through or refused it',
      'access',
      'denials',
    ),
    control(
      'CC6.2',
      'users are registered and authorised before they get credentials',
      'which tokens were issued and revoked, for whom and for how long',
      'credentials',
      'logins',
    ),
    control(
      'CC6.3',
      'access follows roles, least privilege and separation of duties',
      'privileged statements, and that they were approved by others than those who asked',
      'privileged',
      'approvals',
    ),
    control(
      'CC6.7',
      'movement of information is restricted',
      'reads and exports of labelled columns, masked and as they are',
      'personal-data',
      'privileged',
    ),
    control(
      'CC7.2',
      'the system is monitored for anomalies',
      'refusals, failed log-ins and gaps that somebody should have looked at',
      'denials',
      'logins',
      'gaps',
    ),
    control(
      'CC7.3',
      'security events are evaluated',
      'each event with its place in a record that can be proven',
      'verify',
    ),
    control(
      'CC8.1',
      'changes are authorised, tested and approved',
      'changes of schema with their approvals, and changes of the policies themselves',
      'privileged',
      'approvals',
      'changes',
    ),
    control(
      'C1.1',
      'confidential information is identified and protected',
      'labels, and how often what they mark was read as it is',
      'personal-data',
    ),
  ],
};
