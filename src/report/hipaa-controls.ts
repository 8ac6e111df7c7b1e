/** Controls of HIPAA that a record of database access can say something about. */
import { control, type Framework } from './control.ts';

export const HIPAA: Framework = {
  name: 'HIPAA Security Rule',
  edition: '45 CFR Part 164, Subpart C (and § 164.502(b))',
  controls: [
    control(
      '§ 164.308(a)(1)(ii)(D)',
      'records of activity are reviewed',
      'what a reviewer looks at; that they did is for the organisation to show',
      'denials',
      'logins',
      'privileged',
    ),
    control(
      '§ 164.308(a)(3)(ii)(A)',
      'workforce access is authorised and supervised',
      'approvals, and credentials given',
      'approvals',
      'credentials',
    ),
    control(
      '§ 164.308(a)(4)',
      'access to information is managed',
      'who had access, and by which policy',
      'access',
      'changes',
    ),
    control('§ 164.308(a)(5)(ii)(C)', 'log-ins are monitored', 'failed log-ins', 'logins'),
    control(
      '§ 164.312(a)(1)',
      'access is limited to those who have the right',
      'what was let through and refused',
      'access',
      'denials',
    ),
    control(
      '§ 164.312(a)(2)(i)',
      'users are identified uniquely',
      'each statement under its principal and the people it acted for',
      'access',
    ),
    control(
      '§ 164.312(b)',
      'activity is recorded and examined',
      'the record of the period, and its gaps',
      'gaps',
      'verify',
    ),
    control(
      '§ 164.312(c)(1)',
      'information is protected from improper alteration',
      'privileged and unbounded writes with their approvals; that the record itself is unaltered',
      'privileged',
      'approvals',
      'verify',
    ),
    control(
      '§ 164.312(d)',
      'persons and entities are authenticated',
      'credentials and failed log-ins',
      'credentials',
      'logins',
    ),
    control(
      '§ 164.502(b)',
      'only the minimum necessary is used',
      'rows read masked and as they are, by label',
      'personal-data',
    ),
  ],
};
