import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { type CallContext, SheikhError } from '../../../core/index.js'
import type { BlobReader } from '../git.js'
import { type GitProgram, gitFailed } from './git-program.js'

interface Request {
  readonly oid: string
  readonly take: (piece: Uint8Array, sizeBytes: number) => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const parameters = ['cat-file', '--batch']

/** `Git.openBlobs` by one `git cat-file --batch`, which starts with the first blob. */
export function openBlobs(program: GitProgram, { signal }: CallContext): BlobReader {
  let running: { readonly child: ChildProcessWithoutNullStreams; readonly ended: Promise<void> } | undefined
  let failure: unknown
  const waiting: Request[] = []

  const fail = (error: unknown) => {
    failure ??= error
    for (const { reject } of waiting.splice(0)) reject(failure)
    running?.child.kill()
  }
  const onAbort = () => fail(signal.reason)

  function start() {
    const child = program.start(parameters)
    let errors = ''
    child.stderr.on('data', (piece) => {
      errors += piece
    })
    // A program that ended says why by its status.
    child.stdin.on('error', () => {})
    const parse = parser(waiting)
    child.stdout.on('data', (piece: Buffer) => {
      try {
        if (failure === undefined) parse(piece)
      } catch (error) {
        fail(error)
      }
    })
    const ended = new Promise<void>((resolve) => {
      child.on('error', (error) => {
        fail(error)
        resolve()
      })
      child.on('close', (status) => {
        // Also if nobody waits: a later request would never be answered.
        fail(gitFailed(parameters, { status: status ?? 1, output: Buffer.alloc(0), errors }))
        resolve()
      })
    })
    signal.addEventListener('abort', onAbort)
    return { child, ended }
  }

  return {
    async read(oid, take) {
      signal.throwIfAborted()
      if (failure !== undefined) throw failure
      running ??= start()
      const { child } = running
      await new Promise<void>((resolve, reject) => {
        waiting.push({ oid, take, resolve, reject })
        child.stdin.write(`${oid}\n`)
      })
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', onAbort)
      running?.child.stdin.end()
      await running?.ended
    },
  }
}

/**
 * Gives answers to the requests in their order. An answer is a line `<id> blob <size>`, the content and a line feed, or a
 * line `<id> missing` (git-cat-file(1), "Batch output").
 */
function parser(waiting: Request[]): (piece: Buffer) => void {
  let head = ''
  /** Of the content that is being read, without the line feed behind it. */
  let rest: { sizeBytes: number; leftBytes: number } | undefined
  return (piece) => {
    for (let at = 0; at < piece.length; ) {
      const { oid, take, resolve, reject } = waiting[0]!
      if (rest === undefined) {
        const end = piece.indexOf(0x0a, at)
        head += piece.toString('latin1', at, end < 0 ? piece.length : end)
        if (end < 0) return
        at = end + 1
        const [, type, size] = head.split(' ')
        head = ''
        if (type === 'blob') rest = { sizeBytes: Number(size), leftBytes: Number(size) }
        else {
          waiting.shift()
          reject(missing(oid))
        }
        continue
      }
      const taken = piece.subarray(at, at + rest.leftBytes)
      if (taken.length > 0) take(taken, rest.sizeBytes)
      at += taken.length
      rest.leftBytes -= taken.length
      // The line feed may be in the next piece.
      if (rest.leftBytes > 0 || at >= piece.length) continue
      at += 1
      rest = undefined
      waiting.shift()
      resolve()
    }
  }
}

const missing = (oid: string) =>
  new SheikhError(
    'repository-invalid',
    `Cannot read the repository: this clone lacks the file content ${oid}. Fetch it: git fetch --refetch`,
    { facts: { oid } },
  )
