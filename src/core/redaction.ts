/** Hides secrets in text. Made once for a run from all that is secret; every sink goes through it. */
export type Redactor = (text: string) => string

// What a token looks like, wherever it came from: Hugging Face, GitHub, Slack, a password inside a URL, a bearer header.
const shapes: readonly RegExp[] = [
  /\bhf_[A-Za-z0-9_]{10,}/g,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/g,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,}/g,
  /https:\/\/hooks\.slack\.com\/services\/[A-Za-z0-9/_-]+/g,
  /(?<=\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g,
  /(?<=\b[Bb]earer\s)[A-Za-z0-9._~+/=-]{8,}/g,
]
const hidden = '[secret]'

// Shorter than this a "secret" would also hide ordinary words.
const minimumLength = 6

/** A redactor for these secrets, as they are and URL-encoded, and for all that has the shape of a token. */
export function createRedactor(secrets: Iterable<string> = []): Redactor {
  const known = [...secrets]
    .filter((secret) => secret.length >= minimumLength)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .sort((left, right) => right.length - left.length)
  return (text) => {
    let result = text
    for (const secret of known) result = result.replaceAll(secret, hidden)
    for (const shape of shapes) result = result.replace(shape, hidden)
    return result
  }
}
