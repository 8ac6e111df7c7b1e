/** What a column's own name and type say of it. Pure tables. */
import type { Label } from '../../model/labels.ts';

interface NamePattern {
  readonly label: Label;
  /** On the name in snake case, lower case. */
  readonly name: RegExp;
  /** Kinds of types that can hold it; any if absent. */
  readonly types?: readonly TypeKind[];
  /** How much the name alone says, 0 to 1. */
  readonly confidence: number;
}

/** What a type is like, as far as it matters here. */
export type TypeKind = 'text' | 'number' | 'date' | 'network' | 'json' | 'other';

const word = (...alternatives: readonly string[]): RegExp =>
  new RegExp(`(?:^|_)(?:${alternatives.join('|')})(?:_|\\d*$)`);

/** The first that fits counts: the more particular ones come first. */
const PATTERNS: readonly NamePattern[] = [
  {
    label: 'password',
    name: word(
      'password',
      'passwd',
      'pwd',
      'passphrase',
      'passwort',
      'kennwort',
      'mot_de_passe',
      'contrasena',
      'password_hash',
      'pw_hash',
    ),
    types: ['text', 'other'],
    confidence: 0.9,
  },
  {
    label: 'secret',
    name: word(
      'secret',
      'api_key',
      'apikey',
      'private_key',
      'client_secret',
      'otp_seed',
      'totp',
      'recovery_code',
      'webhook_secret',
    ),
    types: ['text', 'other', 'json'],
    confidence: 0.85,
  },
  {
    label: 'token',
    name: word(
      'access_token',
      'refresh_token',
      'auth_token',
      'session_token',
      'reset_token',
      'bearer',
      'jwt',
      'token',
    ),
    types: ['text', 'other'],
    confidence: 0.7,
  },
  {
    label: 'email',
    name: word('e?_?mail', 'email', 'emails', 'email_addr(?:ess)?', 'mail_address', 'correo', 'courriel'),
    types: ['text', 'json'],
    confidence: 0.8,
  },
  {
    label: 'phone',
    name: word(
      'phone',
      'telephone',
      'telefon',
      'mobile',
      'cell',
      'cellphone',
      'handy',
      'fax',
      'msisdn',
      'phone_number',
      'tel',
      'telefono',
    ),
    types: ['text', 'number'],
    confidence: 0.75,
  },
  {
    label: 'card_number',
    name: word(
      'card_number',
      'cardnumber',
      'card_no',
      'credit_card',
      'creditcard',
      'cc_number',
      'ccnum',
      'pan',
      'kartennummer',
    ),
    types: ['text', 'number'],
    confidence: 0.85,
  },
  { label: 'secret', name: word('cvv', 'cvc', 'cvv2', 'card_pin', 'pin_code'), confidence: 0.85 },
  { label: 'iban', name: word('iban'), types: ['text'], confidence: 0.9 },
  {
    label: 'account_number',
    name: word(
      'account_number',
      'bank_account',
      'routing_number',
      'sort_code',
      'kontonummer',
      'swift',
      'bic',
    ),
    confidence: 0.7,
  },
  {
    label: 'national_id',
    name: word(
      'ssn',
      'social_security(?:_number)?',
      'national_id',
      'national_insurance',
      'nino',
      'tax_id',
      'tin',
      'passport(?:_no|_number)?',
      'identity_card',
      'drivers?_licen[cs]e',
      'personnummer',
      'bsn',
      'dni',
      'nie',
      'cpf',
      'pesel',
      'aadhaar',
      'codice_fiscale',
      'steuer_id',
      'svnr',
      'curp',
    ),
    confidence: 0.85,
  },
  {
    label: 'birth_date',
    name: word(
      'birth_?date',
      'date_of_birth',
      'dob',
      'birthday',
      'born(?:_on|_at)?',
      'geburtsdatum',
      'date_naissance',
      'fecha_nacimiento',
    ),
    confidence: 0.85,
  },
  {
    label: 'salary',
    name: word(
      'salary',
      'salaries',
      'wage',
      'wages',
      'gehalt',
      'lohn',
      'compensation',
      'bonus',
      'income',
      'salaire',
      'sueldo',
    ),
    types: ['number', 'text'],
    confidence: 0.8,
  },
  {
    label: 'health',
    name: word(
      'diagnosis',
      'diagnoses',
      'icd_?10',
      'medication',
      'blood_type',
      'allerg(?:y|ies)',
      'disability',
      'medical_record',
      'patient_notes',
      'diagnose',
    ),
    confidence: 0.75,
  },
  {
    label: 'sensitive',
    name: word(
      'religion',
      'ethnicity',
      'race',
      'sexual_orientation',
      'political_views',
      'union_member(?:ship)?',
      'gender_identity',
      'criminal_record',
    ),
    confidence: 0.75,
  },
  {
    label: 'first_name',
    name: word('first_?name', 'given_?name', 'forename', 'vorname', 'prenom', 'nombre'),
    types: ['text'],
    confidence: 0.75,
  },
  {
    label: 'last_name',
    name: word(
      'last_?name',
      'sur_?name',
      'family_?name',
      'nachname',
      'nom_de_famille',
      'apellidos?',
      'maiden_name',
    ),
    types: ['text'],
    confidence: 0.75,
  },
  {
    label: 'name',
    name: word(
      'full_?name',
      'customer_name',
      'contact_name',
      'person_name',
      'display_name',
      'holder_name',
      'card_?holder',
      'employee_name',
      'patient_name',
      'user_?name',
      'recipient',
    ),
    types: ['text'],
    confidence: 0.65,
  },
  {
    label: 'address',
    name: word(
      'street',
      'street_address',
      'address',
      'address_line',
      'addr',
      'home_address',
      'billing_address',
      'shipping_address',
      'strasse',
      'anschrift',
      'adresse',
      'direccion',
    ),
    types: ['text', 'json', 'other'],
    confidence: 0.65,
  },
  {
    label: 'postal_code',
    name: word('zip', 'zip_?code', 'post_?code', 'postal_?code', 'plz', 'code_postal'),
    confidence: 0.55,
  },
  {
    label: 'ip_address',
    name: word('ip', 'ip_addr(?:ess)?', 'client_ip', 'remote_addr', 'last_ip', 'login_ip'),
    types: ['text', 'network'],
    confidence: 0.7,
  },
  {
    label: 'location',
    name: word('latitude', 'longitude', 'lat', 'lng', 'lon', 'geo', 'gps', 'coordinates', 'geolocation'),
    confidence: 0.5,
  },
  // A column that is just called name holds people's names or anything else: values decide.
  { label: 'name', name: /^name$/, types: ['text'], confidence: 0.2 },
];

/** `camelCase` and `kebab-case` → `snake_case`. */
function snake(name: string): string {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .replaceAll(/[\s.-]+/g, '_')
    .toLowerCase();
}

export interface NameFinding {
  readonly label: Label;
  readonly confidence: number;
}

/** What a column of that name and type probably holds; undefined if the name says nothing. */
export function judgeName(name: string, type: TypeKind): NameFinding | undefined {
  const text = snake(name);
  const found = PATTERNS.find(
    ({ name: pattern, types }) => pattern.test(text) && (types === undefined || types.includes(type)),
  );
  return found === undefined ? undefined : { label: found.label, confidence: found.confidence };
}

/** @param type as PostgreSQL's format_type names it, or its name in pg_type */
export function kindOfType(type: string): TypeKind {
  const base = type.replace(/\(.*\)|\[\]$/g, '').trim();
  if (/^(text|character varying|varchar|character|bpchar|citext|name|"?char"?)$/.test(base)) return 'text';
  if (/^(smallint|integer|bigint|int[248]|numeric|real|double precision|float[48]|money)$/.test(base))
    return 'number';
  if (/^(date|timestamp|time)/.test(base)) return 'date';
  if (/^(inet|cidr|macaddr8?)$/.test(base)) return 'network';
  return /^jsonb?$/.test(base) ? 'json' : 'other';
}
