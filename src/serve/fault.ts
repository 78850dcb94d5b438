import { messageOf } from '../core/index.js'

/** Why a request is refused. */
export type FaultCode =
  | 'invalid-json'
  | 'invalid-request'
  | 'invalid-input'
  | 'not-supported'
  | 'unauthorized'
  | 'not-found'
  | 'method-not-allowed'
  | 'unsupported-media-type'
  | 'body-too-large'
  | 'request-timeout'
  | 'prediction-timeout'
  | 'overloaded'
  | 'stopping'
  | 'client-closed'
  | 'not-kept'
  | 'prediction-failed'
  | 'refresh-failed'
  | 'features-unavailable'
  | 'features-invalid'
  | 'internal'

const statuses: Readonly<Record<FaultCode, number>> = {
  'invalid-json': 400,
  'invalid-request': 400,
  'invalid-input': 422,
  'not-supported': 422,
  unauthorized: 401,
  'not-found': 404,
  'method-not-allowed': 405,
  'unsupported-media-type': 415,
  'body-too-large': 413,
  'request-timeout': 408,
  'prediction-timeout': 504,
  overloaded: 429,
  stopping: 503,
  // Nobody reads this answer. The number is the one that nginx logs.
  'client-closed': 499,
  'not-kept': 503,
  'prediction-failed': 500,
  'refresh-failed': 502,
  'features-unavailable': 503,
  'features-invalid': 502,
  internal: 500,
}

/** A request that gets no prediction. Its message is sent to the client, so it contains nothing about the machine. */
export class Fault extends Error {
  readonly code: FaultCode
  readonly headers: Readonly<Record<string, string>>

  constructor(code: FaultCode, message: string, headers: Readonly<Record<string, string>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.headers = headers
  }

  get status(): number {
    return statuses[this.code]
  }
}

export const stopped = () =>
  new Fault('stopping', 'Cannot answer the request because the server stops. Try again later.', { 'retry-after': '1' })

/** The fault for anything that was thrown. An unforeseen error is logged and not shown to the client. */
export function toFault(error: unknown, warn: (message: string) => void): Fault {
  if (error instanceof Fault) {
    if (error.cause !== undefined) warn(`${error.message} ${messageOf(error.cause)}`)
    return error
  }
  warn(`Cannot answer a request: ${messageOf(error)}`)
  return new Fault(
    'internal',
    'Cannot answer the request because of an error in the server. See the log of the server.',
  )
}
