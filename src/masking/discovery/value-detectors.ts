/**
 * What a single value looks like. Checksums and formats where there are any, dictionaries where there are none. Pure and local:
 * no value leaves the process, and none is kept.
 */
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import validator, { type IdentityCardLocale } from 'validator';
import type { Label } from '../../model/labels.ts';
import { FIRST_NAMES, STREET_WORDS } from './dictionaries.ts';

/** How much a match says by itself: a checksum or an unmistakable format, a format that other things may have, a word list. */
export type Strength = 'proof' | 'format' | 'words';

export interface ValueDetector {
  readonly label: Label;
  /** What is found, for people: `e-mail addresses`. */
  readonly what: string;
  readonly strength: Strength;
  /** @param text a value, trimmed, not empty, at most 200 characters */
  matches(text: string): boolean;
}

/** National numbers whose checksums validator knows, and those it knows as tax numbers. */
const CARD_LOCALES: readonly IdentityCardLocale[] = [
  'ES',
  'FI',
  'IT',
  'PL',
  'IN',
  'zh-CN',
  'zh-TW',
  'he-IL',
  'ar-TN',
  'LK',
  'zh-HK',
];
const TAX_LOCALES = [
  'de-DE',
  'nl-NL',
  'pt-BR',
  'sv-SE',
  'fr-FR',
  'pt-PT',
  'hu-HU',
  'cs-CZ',
  'dk-DK',
  'el-GR',
] as const;

/** US social security numbers, UK national insurance numbers: formats with excluded ranges. */
const SSN = /^(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$/;
const NINO = /^(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]$/i;
/** French social security numbers: 13 digits and 97 minus their remainder. */
const NIR = /^[12] ?\d{2} ?(0[1-9]|1[0-2]|20) ?\d{2} ?\d{3} ?\d{3} ?\d{2}$/;

function isNir(text: string): boolean {
  if (!NIR.test(text)) return false;
  const digits = text.replaceAll(' ', '');
  return 97 - Number(BigInt(digits.slice(0, 13)) % 97n) === Number(digits.slice(13));
}

/** Keys that their issuers made recognisable. */
const API_KEY =
  /^(AKIA|ASIA)[0-9A-Z]{16}$|^gh[pousr]_[A-Za-z0-9]{36,}$|^github_pat_\w{22,}$|^[sr]k_(live|test)_[A-Za-z0-9]{16,}$|^xox[abprs]-[A-Za-z0-9-]{10,}$|^AIza[\w-]{35}$|^sk-[A-Za-z0-9_-]{20,}$|^glpat-[\w-]{20,}$|^npm_[A-Za-z0-9]{36}$|^slc_[A-Za-z0-9_-]{20,}$|^-----BEGIN [A-Z ]*PRIVATE KEY-----/;
/** Crypt formats of password hashes: bcrypt, argon2, scrypt, PBKDF2, sha-crypt, PostgreSQL's SCRAM. */
const PASSWORD_HASH =
  /^\$(2[abxy]?|argon2(id|i|d)|scrypt|pbkdf2[\w-]*|[56])\$|^(pbkdf2_sha256|argon2|bcrypt_sha256|scrypt)\$|^SCRAM-SHA-256\$/;

/** A number that begins with `+`, or is laid out like one; other digits need a region, and a name that says so. */
const PHONE_LAYOUT = /^\+?[\d\s().\-/]{7,24}(?: ?(?:x|ext\.?) ?\d{1,5})?$/i;

export function isPhone(text: string, region?: string): boolean {
  if (!PHONE_LAYOUT.test(text) || (!text.startsWith('+') && !/\d[\s().\-/]+\d/.test(text))) return false;
  return parsePhoneNumberFromString(text, region as CountryCode | undefined)?.isValid() ?? false;
}

function isName(text: string): boolean {
  const words = text.split(/[\s,.]+/).filter((word) => word !== '');
  if (words.length === 0 || words.length > 5 || !words.every((word) => /^\p{L}[\p{L}'’-]*$/u.test(word)))
    return false;
  return words.some((word) => FIRST_NAMES.has(word.toLowerCase()));
}

const ADDRESS = /(?:^|[\s.])\d{1,5}[a-z]?(?:$|[\s,])|(?:^|\s)\d{1,5}\s/i;

function isAddress(text: string): boolean {
  return text.length >= 8 && ADDRESS.test(text) && STREET_WORDS.test(text);
}

const COORDINATES = /^-?\d{1,2}\.\d{3,},\s*-?\d{1,3}\.\d{3,}$/;

const nationalId = (what: string, matches: (text: string) => boolean): ValueDetector => ({
  label: 'national_id',
  what,
  strength: 'proof',
  matches,
});

/** In order: the first one that fits a column best is proposed. `region` is where phone numbers without a country are from. */
export function valueDetectors(region?: string): readonly ValueDetector[] {
  return [
    {
      label: 'email',
      what: 'e-mail addresses',
      strength: 'proof',
      matches: (text) => text.includes('@') && validator.isEmail(text),
    },
    {
      label: 'card_number',
      what: 'card numbers',
      strength: 'proof',
      matches: (text) => /^[\d -]{12,23}$/.test(text) && validator.isCreditCard(text.replaceAll(/[ -]/g, '')),
    },
    {
      label: 'iban',
      what: 'IBANs',
      strength: 'proof',
      matches: (text) => /^[A-Z]{2}\d{2}/i.test(text) && validator.isIBAN(text.replaceAll(' ', '')),
    },
    {
      label: 'token',
      what: 'JSON Web Tokens',
      strength: 'proof',
      matches: (text) => text.startsWith('eyJ') && validator.isJWT(text),
    },
    { label: 'secret', what: 'API keys', strength: 'proof', matches: (text) => API_KEY.test(text) },
    {
      label: 'password',
      what: 'password hashes',
      strength: 'proof',
      matches: (text) => PASSWORD_HASH.test(text),
    },
    nationalId('US social security numbers', (text) => SSN.test(text)),
    nationalId('UK national insurance numbers', (text) => NINO.test(text)),
    nationalId('French social security numbers', isNir),
    ...CARD_LOCALES.map((locale) =>
      nationalId(`national ids (${locale})`, (text) => validator.isIdentityCard(text, locale)),
    ),
    ...TAX_LOCALES.map((locale) =>
      nationalId(`tax numbers (${locale})`, (text) => /\d/.test(text) && validator.isTaxID(text, locale)),
    ),
    { label: 'phone', what: 'phone numbers', strength: 'format', matches: (text) => isPhone(text, region) },
    {
      label: 'ip_address',
      what: 'IP addresses',
      strength: 'format',
      matches: (text) => validator.isIP(text.replace(/\/\d{1,3}$/, '')),
    },
    { label: 'location', what: 'coordinates', strength: 'format', matches: (text) => COORDINATES.test(text) },
    { label: 'address', what: 'street addresses', strength: 'words', matches: isAddress },
    { label: 'name', what: 'names of people', strength: 'words', matches: isName },
  ];
}
