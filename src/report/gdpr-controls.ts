/** Controls of the GDPR that a record of database access can say something about. */
import { control, type Framework } from './control.ts';

export const GDPR: Framework = {
  name: 'GDPR',
  edition: 'Regulation (EU) 2016/679',
  controls: [
    control(
      'Art. 5(1)(c)',
      'data minimisation',
      'how much personal data was read masked rather than as it is',
      'personal-data',
    ),
    control(
      'Art. 5(1)(f)',
      'integrity and confidentiality',
      'who had access, what was refused',
      'access',
      'denials',
    ),
    control('Art. 5(2)', 'accountability', 'a record that others can verify', 'verify', 'gaps'),
    control(
      'Art. 17',
      'erasure',
      'keys that were destroyed, so that recorded values cannot be read any more',
      'audit-access',
    ),
    control(
      'Art. 25',
      'data protection by design and by default',
      'masking in effect, and the policies behind it',
      'personal-data',
      'changes',
    ),
    control(
      'Art. 32(1)(a), (b)',
      'pseudonymisation and confidentiality of processing',
      'masked reads; approvals of risky statements',
      'personal-data',
      'approvals',
    ),
    control(
      'Art. 32(1)(d)',
      'measures are tested and evaluated',
      'denials, failed log-ins and gaps to evaluate',
      'denials',
      'logins',
      'gaps',
    ),
    control(
      'Art. 33',
      'notification of breaches',
      'who read which labelled data, when: what a notification has to describe',
      'personal-data',
      'access',
    ),
  ],
};
