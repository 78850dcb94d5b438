import type { Term } from './xet-format.js'
import { readXorb, type Xorb } from './xet-store.js'

export interface ChunkRange {
  readonly start: number
  readonly end: number
}

export interface Reconstruction {
  readonly skippedBytes: number
  readonly terms: readonly (ChunkRange & { readonly xorb: string; readonly unpackedBytes: number })[]
  /** Xorb → what is to be fetched of it, without overlap. `bytes`: the last one is included. */
  readonly fetches: ReadonlyMap<string, readonly { readonly chunks: ChunkRange; readonly bytes: ChunkRange }[]>
}

/** The chunks that hold these bytes of a file, and no others. @param end not included. */
export async function reconstruct(
  folder: string,
  all: readonly Term[],
  start: number,
  end: number,
): Promise<Reconstruction> {
  const xorbs = new Map<string, Xorb>()
  const terms: Reconstruction['terms'][number][] = []
  let skippedBytes = 0
  let position = 0
  for (const term of all) {
    const from = Math.max(start, position)
    const to = Math.min(end, position + term.unpackedBytes)
    if (from < to) {
      const xorb = xorbs.get(term.xorb) ?? (await readXorb(folder, term.xorb))
      xorbs.set(term.xorb, xorb)
      // Where the term begins in what the xorb unpacks to, seen from where it begins in the file.
      const shift = xorb.raw[term.start]! - position
      const first = xorb.raw.findLastIndex((at) => at <= from + shift)
      const behind = xorb.raw.findIndex((at) => at >= to + shift)
      if (terms.length === 0) skippedBytes = from + shift - xorb.raw[first]!
      const unpackedBytes = xorb.raw[behind]! - xorb.raw[first]!
      terms.push({ xorb: term.xorb, start: first, end: behind, unpackedBytes })
    }
    position += term.unpackedBytes
  }
  const fetches = new Map(
    [...xorbs].map(([hash, { stored }]) => {
      const chunks = merged(terms.filter(({ xorb }) => xorb === hash))
      return [hash, chunks.map((range) => ({ chunks: range, bytes: bytesOf(stored, range) }))] as const
    }),
  )
  return { skippedBytes, terms, fetches }
}

const bytesOf = (stored: readonly number[], { start, end }: ChunkRange): ChunkRange => ({
  start: stored[start]!,
  end: stored[end]! - 1,
})

function merged(ranges: readonly ChunkRange[]): readonly ChunkRange[] {
  const result: ChunkRange[] = []
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last !== undefined && start <= last.end) result[result.length - 1] = { ...last, end: Math.max(last.end, end) }
    else result.push({ start, end })
  }
  return result
}
