/** Code of an error. `docs/errors.md` has a section for each. */
export type ErrorCode =
  | 'invalid-options'
  | 'invalid-config'
  | 'missing-peer'
  | 'device-unavailable'
  | 'dataset-invalid'
  | 'dataset-changed'
  | 'template-invalid'
  | 'train-diverged'
  | 'checkpoint-corrupt'
  | 'artifact-corrupt'
  | 'baseline-mismatch'
  | 'evaluation-invalid'
  | 'release-rejected'
  | 'release-conflict'
  | 'releases-missing'
  | 'remote-failed'
  | 'access-denied'
  | 'locked'
  | 'not-found'
  | 'repository-invalid'
  | 'repository-dirty'
  | 'storage-failed'
  | 'stage-failed'
  | 'job-quarantined'
  | 'version-mismatch'

export interface SheikhErrorOptions {
  /** Plain values for programs, such as a path, a row or a list of issues. Never contains secrets. */
  readonly facts?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
  /** True if the same call may succeed later without changes (exit code 4). @default false */
  readonly retryable?: boolean
}

const marker = Symbol.for('sheikh-freemium.error')

/**
 * The only error class of the library. `message` contains what failed, the fact and the remedy; `code` and `facts` are
 * for programs.
 *
 * An aborted call does not throw this error: it rejects with `signal.reason`, unchanged.
 */
export class SheikhError extends Error {
  readonly code: ErrorCode
  readonly facts: Readonly<Record<string, unknown>>
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: SheikhErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.facts = options.facts ?? {}
    this.retryable = options.retryable ?? false
  }

  /** The page of this code, relative to the package: `docs/errors.md#locked`. */
  get docs(): string {
    return `docs/errors.md#${this.code}`
  }
}

// On the prototype and by a global symbol, so that the check works across two copies of the package.
Object.defineProperty(SheikhError.prototype, marker, { value: true })
Object.defineProperty(SheikhError.prototype, 'name', { value: 'SheikhError', configurable: true, writable: true })

/** Whether `error` is a `SheikhError` and, if `code` is given, has that code. */
export function isSheikhError(error: unknown, code?: ErrorCode): error is SheikhError {
  if (typeof error !== 'object' || error === null || !(marker in error)) return false
  return code === undefined || (error as unknown as SheikhError).code === code
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
