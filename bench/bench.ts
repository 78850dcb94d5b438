import { peakMemoryKb } from './reference/peak-memory.mjs'

export interface BenchRow {
  readonly work: string
  /** Medians, in `unit`. */
  readonly ours: number
  readonly peer: number
  readonly peerName: string
  readonly unit: string
  /** Above 1 when ours is better. */
  readonly ratio: number
  /** What `ratio` must reach, or a limit on `ours` in words. */
  readonly goal: string
  readonly met: boolean
  /** Of the process that did our work. */
  readonly peakMemoryMb: number
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Runs two pieces of work in turn, so that a noisy machine disturbs both alike. @returns medians of `pairs` runs each. */
export async function interleaved(
  pairs: number,
  ours: () => Promise<number>,
  peer: () => Promise<number>,
): Promise<{ ours: number; peer: number }> {
  const first: number[] = []
  const second: number[] = []
  for (let pair = 0; pair < pairs; pair += 1) {
    // Who goes first changes: the second finds warm caches.
    if (pair % 2 === 0) first.push(await ours())
    second.push(await peer())
    if (pair % 2 === 1) first.push(await ours())
  }
  return { ours: median(first), peer: median(second) }
}

/** Peak resident memory of this process so far, in MB (10⁶ bytes). */
export const peakMemoryMb = () => Math.round((peakMemoryKb() * 1024) / 1e6)
