import {
  createRedactor,
  type ErrorCode,
  fits,
  flag,
  isSheikhError,
  json,
  messageOf,
  object,
  redactJson,
  type Shape,
  SheikhError,
  text,
} from '../core/index.js'

/** An error as it travels from a worker: JSON. */
export const errorMessageShape = object({ code: text, message: text, facts: json, retryable: flag })
export type ErrorMessage = typeof errorMessageShape extends Shape<infer T> ? T : never

const redact = createRedactor()

/** Without what looks like a token or a password: it may travel through a queue that others read. */
export function toErrorMessage(error: unknown): ErrorMessage {
  const message = redact(messageOf(error))
  if (!isSheikhError(error)) return { code: 'stage-failed', message, facts: {}, retryable: false }
  return { code: error.code, message, facts: plainFacts(error.facts), retryable: error.retryable }
}

/** The error that `toErrorMessage` describes. */
export function fromErrorMessage(value: unknown): SheikhError {
  if (!fits(errorMessageShape, value))
    return new SheikhError(
      'stage-failed',
      'A worker failed and sent no readable error. Use the same version everywhere.',
    )
  const { code, message, facts, retryable } = value
  return new SheikhError(code as ErrorCode, message, { facts: facts as Readonly<Record<string, unknown>>, retryable })
}

/** Facts of an error of host code may contain anything. */
function plainFacts(facts: Readonly<Record<string, unknown>>): ErrorMessage['facts'] {
  try {
    return redactJson(JSON.parse(JSON.stringify(facts)), redact) as ErrorMessage['facts']
  } catch {
    return {}
  }
}
