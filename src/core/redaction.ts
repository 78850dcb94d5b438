/** Hides secrets in text. Created once per run from all secrets, and applied to all output. */
export type Redactor = (text: string) => string

// Patterns of tokens: Hugging Face, GitHub, GitLab, npm, Slack, OpenAI and Anthropic, AWS, Google, Stripe, a private key in PEM, a
// password in a URL, a bearer header. Each by its documented prefix, so that no word and no digest has the form of one.
const shapes: readonly (readonly [hint: RegExp, shape: RegExp])[] = [
  [/hf_/, /\bhf_[A-Za-z0-9_]{10,}/g],
  [/gh[pousr]_/, /\bgh[pousr]_[A-Za-z0-9]{20,}/g],
  [/github_pat_/, /\bgithub_pat_[A-Za-z0-9_]{20,}/g],
  [/xox[abeprs]-/, /\bxox[abeprs]-[A-Za-z0-9-]{10,}/g],
  [/xapp-/, /\bxapp-[A-Za-z0-9-]{20,}/g],
  [/glpat-/, /\bglpat-[A-Za-z0-9_-]{20,}/g],
  [/npm_/, /\bnpm_[A-Za-z0-9]{36}\b/g],
  [/sk-/, /\bsk-(?=[A-Za-z0-9_-]{0,200}[0-9])[A-Za-z0-9_-]{20,}/g],
  [/[sr]k_/, /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}/g],
  [/AKIA|ASIA/, /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g],
  [/AIza/, /\bAIza[A-Za-z0-9_-]{35}/g],
  [/-----BEGIN/, /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|$)/g],
  [/hooks\.slack\.com/, /https:\/\/hooks\.slack\.com\/services\/[A-Za-z0-9/_-]+/g],
  [/\/\//, /(?<=\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g],
  [/[Bb]earer/, /(?<=\b[Bb]earer\s)[A-Za-z0-9._~+/=-]{8,}/g],
]
// Each token contains its hint. Most texts contain none: a single search finds that, and replaces one for each shape.
const hints = new RegExp(shapes.map(([hint]) => hint.source).join('|'))
const hidden = '[secret]'

// A shorter "secret" would also hide ordinary words.
const minimumLength = 6

/** The forms of secrets that a redactor looks for, plain and URL-encoded, the longest first. */
export const formsOfSecrets = (secrets: Iterable<string>): readonly string[] =>
  [...secrets]
    .filter((secret) => secret.length >= minimumLength)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .sort((left, right) => right.length - left.length)

/** Creates a redactor for these secrets, plain and URL-encoded, and for everything that looks like a token. */
export function createRedactor(secrets: Iterable<string> = []): Redactor {
  const known = formsOfSecrets(secrets)
  return (text) => {
    let result = text
    for (const secret of known) result = result.replaceAll(secret, hidden)
    if (hints.test(result)) for (const [, shape] of shapes) result = result.replace(shape, hidden)
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
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    const member = (value as Readonly<Record<string, unknown>>)[name]
    if (member === undefined) continue
    // An assignment to "__proto__", which may be a label's name, would be lost.
    if (name === '__proto__')
      Object.defineProperty(copy, name, {
        value: redacted(member, redact),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    else copy[name] = redacted(member, redact)
  }
  return copy
}
