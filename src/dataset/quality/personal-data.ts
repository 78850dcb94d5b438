import type { PersonalData } from './quality-finding.js'

// Every repetition is bounded and begins where no earlier match can begin, so that the time is linear in the length of a text.
const email = /(?<![\w.%+-])[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![\w-])/i
/** International with a plus, or of three or more parts with a bracket, spaces, dots or dashes between them. */
const phone =
  /(?<![\w+.-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}|\(\d{2,5}\)[ .-]?\d{3,4}[ .-]?\d{3,4}|\d{3}([ .-])\d{3}\1\d{4}|0\d{1,4}[ /-]\d{3,4}[ -]?\d{3,5})(?![\w-])/
const iban = /(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Z0-9])/g
const card = /(?<![\d.])[3-6]\d(?:[ -]?\d){11,17}(?![\d.]\d|\d)/g

/** For a test of the bounds. */
export const personalDataPatterns: readonly RegExp[] = [email, phone, iban, card]

/** The lengths of the IBAN registry by country (ISO 13616). */
const ibanLengths: Readonly<Record<string, number>> = Object.fromEntries(
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20'
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

const tests: Readonly<Record<PersonalData, (text: string) => boolean>> = {
  email: (text) => text.includes('@') && email.test(text),
  phone: (text) => phone.test(text),
  iban: (text) => [...text.matchAll(iban)].some(([found]) => hasIban(found.replaceAll(' ', ''))),
  card: (text) => [...text.matchAll(card)].some(([found]) => isCard(found.replace(/[ -]/g, ''))),
}

/** The kinds of personal data in a text. Linear in its length. */
export const personalDataIn = (text: string, kinds: readonly PersonalData[]): readonly PersonalData[] =>
  kinds.filter((kind) => tests[kind](text))

/** Words after the number may look like a part of it: only its country's length is tried. */
function hasIban(found: string): boolean {
  const length = ibanLengths[found.slice(0, 2)]
  return length !== undefined && found.length >= length && isIban(found.slice(0, length))
}

/** ISO 7064 MOD 97-10 over the rearranged number, letters as 10..35. */
function isIban(text: string): boolean {
  let rest = 0
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (value < 10 ? 10 * rest + value : 100 * rest + value) % 97
  }
  return rest === 1
}

/** ISO/IEC 7812-1, annex B (Luhn). One repeated digit, such as zeros, is no number of a card. */
function isCard(digits: string): boolean {
  if (digits.length < 13 || digits.length > 19 || new Set(digits).size < 2) return false
  let sum = 0
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits[digits.length - 1 - place])
    const doubled = place % 2 === 1 ? 2 * digit : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
