import type { CallContext } from '../../../core/index.js'
import type { BlobRead } from '../git.js'
import type { GitProgram } from './git-program.js'

/** `Git.readBlobs` by `git cat-file --batch`: one process for all, so that git keeps what blobs have in common. */
export async function* readBlobs(
  program: GitProgram,
  oids: readonly string[],
  maximumBytes: number,
  { signal }: CallContext,
): AsyncIterable<BlobRead> {
  if (oids.length === 0) return
  const input = (wanted: readonly string[]) => wanted.map((oid) => `${oid}\n`).join('')
  const listed = (
    await program.run(['cat-file', '--batch-check', '--buffer'], { input: input(oids), signal })
  ).toString()
  const isReadable = new Set(
    listed.split('\n').flatMap((line) => {
      const [oid, type, size] = line.split(' ')
      return type === 'blob' && Number(size) <= maximumBytes ? [oid!] : []
    }),
  )
  const wanted = oids.filter((oid) => isReadable.has(oid))
  for (const oid of oids) if (!isReadable.has(oid)) yield { oid }
  if (wanted.length === 0) return
  const pieces = program.stream(['cat-file', '--batch', '--buffer'], { input: input(wanted), signal })
  yield* parseBatch(pieces)
}

/** A line `<id> blob <size>`, the content, a line feed. */
async function* parseBatch(pieces: AsyncIterable<Buffer>): AsyncIterable<BlobRead> {
  let head = ''
  let blob: { readonly oid: string; readonly content: Buffer } | undefined
  let filled = 0
  // Used again for each blob: thousands of large buffers would keep the garbage collector busy.
  let space = Buffer.alloc(0)
  for await (const piece of pieces) {
    let at = 0
    while (at < piece.length) {
      if (blob === undefined) {
        const end = piece.indexOf(0x0a, at)
        head += piece.toString('latin1', at, end < 0 ? piece.length : end)
        if (end < 0) break
        at = end + 1
        const [oid, , size] = head.split(' ')
        head = ''
        const sizeBytes = Number(size)
        if (sizeBytes > space.length) space = Buffer.allocUnsafe(Math.ceil(sizeBytes * 1.25))
        blob = { oid: oid!, content: space.subarray(0, sizeBytes) }
        filled = 0
      }
      const { oid, content } = blob
      const taken = piece.copy(content, filled, at)
      filled += taken
      at += taken
      // The line feed after the content may be in the next piece.
      if (filled < content.length || at >= piece.length) continue
      at += 1
      blob = undefined
      yield { oid, content }
    }
  }
}
