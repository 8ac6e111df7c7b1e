/**
 * How well-known labels are shown where the configuration says nothing. Pure table. A label that is missing here is shown
 * by the default mask, which reveals nothing.
 */
import type { Label, Mask } from '../model/labels.ts';

/** Shows nothing: every text becomes `***`, everything else null. */
export const DEFAULT_MASK: Mask = { kind: 'redact' };

export const DEFAULT_MASKS: Readonly<Record<Label, Mask>> = {
  // Contact.
  email: { kind: 'email' },
  phone: { kind: 'last', n: 2 },
  address: { kind: 'redact' },
  postal_code: { kind: 'partial', n: 2 },
  ip_address: { kind: 'null' },

  // People.
  name: { kind: 'partial', n: 1 },
  first_name: { kind: 'partial', n: 1 },
  last_name: { kind: 'partial', n: 1 },
  birth_date: { kind: 'date', unit: 'year' },
  national_id: { kind: 'redact' },
  health: { kind: 'null' },

  // Money.
  card_number: { kind: 'last', n: 4 },
  iban: { kind: 'last', n: 4 },
  account_number: { kind: 'last', n: 4 },
  salary: { kind: 'bucket', size: 10_000 },

  // Secrets, and places of the database itself that hold copies of values.
  secret: { kind: 'null' },
  password: { kind: 'null' },
  token: { kind: 'null' },
  statistics: { kind: 'null' },
  statement_text: { kind: 'null' },
};
