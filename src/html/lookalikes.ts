/**
 * Names that may be taken for others: letters of several scripts in one name, or all of them letters of another script that look like Latin ones.
 * For the eye only.
 *
 * Spec: https://www.unicode.org/reports/tr39/#Restriction_Level_Detection
 */

/** Scripts that are written together (Japanese, Korean and Chinese with Latin) count as one. */
const SCRIPTS: readonly RegExp[] = [
  /[\p{Script=Latin}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
];
/** Of any other script than those. */
const OTHER = new RegExp(
  `(?!\\p{Script=Common}|${SCRIPTS.map(({ source }) => source).join('|')})\\p{L}`,
  'u',
);
/** Letters of other scripts that are drawn as Latin ones, and nothing but digits and underscores between. */
const DRAWN_AS_LATIN = /^["\d_$АВЕЅІЈКМНОРСТУХԚԜаеѕіјорсухһԁԛԝѵӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρυ]+$/u;
/** Latin letters as mathematics and full-width forms have them. */
const DRAWN_OTHERWISE = /[\u{ff21}-\u{ff3a}\u{ff41}-\u{ff5a}\u{1d400}-\u{1d7ff}]/u;
const NOT_ASCII = /[^\x00-\x7f]/;
const MAX_LETTERS = 8;

/** @param name as it is spelled */
export function looksLikeAnother(name: string): boolean {
  if (!NOT_ASCII.test(name)) return false;
  const scripts = [...SCRIPTS, OTHER].filter((script) => script.test(name)).length;
  return scripts > 1 || DRAWN_AS_LATIN.test(name) || DRAWN_OTHERWISE.test(name);
}

/** Its letters beyond ASCII, each once, with what they are: `о is U+043E`. */
export function lettersOf(name: string): string {
  const letters = new Set([...name].filter((letter) => NOT_ASCII.test(letter)));
  return [...letters]
    .slice(0, MAX_LETTERS)
    .map((letter) => `${letter} is U+${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`)
    .join(', ');
}
