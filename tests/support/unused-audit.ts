/** For doors whose test never reads the record. */
import type { AuditDesk } from '../../src/api/audit-routes.ts';

const unused = (): never => {
  throw new Error('not to be called');
};

export const UNUSED_AUDIT: AuditDesk = {
  search: unused,
  replay: unused,
  indexStatus: unused,
  rebuildIndex: unused,
};
