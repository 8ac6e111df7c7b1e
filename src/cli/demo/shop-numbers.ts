/**
 * Numbers that carry a checksum, so that detectors and forms accept the demo's data as genuine. Their prefixes are those of
 * tests and of banks that do not exist.
 *
 * @see ISO/IEC 7812-1 Annex B (Luhn), ISO 13616 (IBAN)
 */

/** `payload` with its Luhn check digit appended. */
export function withLuhnDigit(payload: string): string {
  const sum = [...payload].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return payload + String((10 - (sum % 10)) % 10);
}

/** True if the last digit is the Luhn check digit of those before. */
export function isLuhnValid(digits: string): boolean {
  return /^\d{2,}$/.test(digits) && withLuhnDigit(digits.slice(0, -1)) === digits;
}

/** The IBAN of account `bban` (digits and capitals) in `country` (two capitals). */
export function ibanOf(country: string, bban: string): string {
  const check = 98 - remainder97(`${bban}${country}00`);
  return `${country}${String(check).padStart(2, '0')}${bban}`;
}

/** True if the two check digits fit. */
export function isIbanValid(iban: string): boolean {
  return /^[A-Z]{2}\d{2}[A-Z0-9]{10,30}$/.test(iban) && remainder97(iban.slice(4) + iban.slice(0, 4)) === 1;
}

function remainder97(text: string): number {
  const digits = text.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  return Number(BigInt(digits) % 97n);
}
