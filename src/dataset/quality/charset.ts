import type { QualityFinding } from './quality-finding.js'

export type CharsetProblem = Extract<QualityFinding, { kind: 'charset' }>['problem']

// Control characters except tab, line feed, form feed and carriage return; the C1 controls, which are a wrong charset; a byte
// order mark inside of a text.
const control = /[\0-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]|(?!^)\ufeff/
// UTF-8 that was read as Windows-1252 or Latin-1: "Ã©" for "é", "â€™" for "’", "ðŸ˜€" for an emoji, and, for other scripts, two
// such pairs in a row. Letters that end a quotation, as in «ß», do not match.
const mojibake =
  /[ÂÃ][\u00a0-\u00a9\u00ac-\u00ba\u00bc-\u00bf]|â€[\u0080-\u00bf\u2013\u2014\u2018-\u201e\u2020\u2022\u2026\u2030\u2039\u203a\u20ac\u2122œ˜¦]|ðŸ|ï»¿|(?:[ÐÑÎÏØÙ][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]){2}/

/** For a test of the bounds. */
export const charsetPatterns: readonly RegExp[] = [control, mojibake]

/** What is wrong with the characters of a text. Linear in its length. */
export function charsetProblems(text: string): readonly Exclude<CharsetProblem, 'mixed-normal-forms'>[] {
  return [
    ...(text.includes('\ufffd') ? (['replacement-character'] as const) : []),
    ...(mojibake.test(text) ? (['mojibake'] as const) : []),
    ...(control.test(text) ? (['control-character'] as const) : []),
  ]
}

/** The Unicode form of a text: `undefined` if it has no character that the forms write differently. */
export function normalFormOf(text: string): 'composed' | 'other' | undefined {
  if (!/[^\0-\u00bf]/.test(text)) return undefined
  if (text !== text.normalize('NFC')) return 'other'
  return text === text.normalize('NFD') ? undefined : 'composed'
}
