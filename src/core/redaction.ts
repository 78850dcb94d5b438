/** Hides secrets in text. Created once per run from all secrets, and applied to all output. */
export type Redactor = (text: string) => string

// Patterns of tokens: Hugging Face, GitHub, Slack, a password in a URL, a bearer header.
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

// A shorter "secret" would also hide ordinary words.
const minimumLength = 6

/** Creates a redactor for these secrets, plain and URL-encoded, and for everything that looks like a token. */
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

/** A copy of a JSON value with secrets hidden in its texts, and without members that are `undefined`. */
export function redactJson<V>(value: V, redact: Redactor): V {
  return redacted(value, redact) as V
}

function redacted(value: unknown, redact: Redactor): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((item) => redacted(item, redact))
  if (typeof value !== 'object' || value === null) return value
  // By entries: an assignment to "__proto__", which may be a label's name, would be lost.
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [[name, redacted(member, redact)]])),
  )
}
