import type { ChildEnd } from './child-run.js'
import type { WatchEvent } from './watch-event.js'

/** How a run ended, as its process told it. */
export interface RunReport
  extends Pick<
    Extract<WatchEvent, { type: 'run-end' }>,
    'exitCode' | 'status' | 'runId' | 'version' | 'message' | 'code'
  > {
  /** `retryable`: safe to repeat. `dirty`: the checkout has edits, listed in `paths`. */
  readonly kind: 'ended' | 'retryable' | 'locked' | 'dirty'
  readonly paths?: readonly string[] | undefined
}

const [retryable, locked, aborted] = [4, 5, 130]

/** Reads the JSON of `sheikh run`. A process that was killed is safe to repeat: a run continues from its checkpoint. */
export function readRunReport({ exitCode, output, fault }: ChildEnd): RunReport {
  const document = parse(output)
  const error = part(document, 'error')
  const code = text(error, 'code')
  const message =
    text(error, 'message') ??
    text(part(document, 'verdict'), 'summary') ??
    text(part(document, 'triggered'), 'reason') ??
    (document === undefined ? (fault ?? `The process ended with ${exitCode} and printed no result.`) : '')
  const paths = part(error, 'facts')?.['paths']
  const isKilled = exitCode === null || exitCode === aborted
  return {
    exitCode,
    status: text(document, 'status') ?? 'failed',
    ...optional('runId', text(document, 'runId')),
    ...optional('version', text(part(document, 'release'), 'version')),
    message,
    ...optional('code', code),
    kind:
      code === 'repository-dirty'
        ? 'dirty'
        : exitCode === locked
          ? 'locked'
          : isKilled || exitCode === retryable
            ? 'retryable'
            : 'ended',
    ...(Array.isArray(paths) && { paths: paths.map(String) }),
  }
}

type Document = Readonly<Record<string, unknown>> | undefined

function parse(output: string): Document {
  try {
    return object(JSON.parse(output.trim().split('\n').at(-1) ?? ''))
  } catch {
    return undefined
  }
}

const object = (value: unknown): Document =>
  typeof value === 'object' && value !== null ? (value as Document) : undefined
const part = (document: Document, name: string) => object(document?.[name])
const text = (document: Document, name: string) => {
  const value = document?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
const optional = <N extends string>(name: N, value: string | undefined) =>
  (value === undefined ? {} : { [name]: value }) as { readonly [K in N]?: string }
