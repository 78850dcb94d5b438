import { SheikhError } from '../../core/index.js'

/** Limits on what a file may contain, so that a hostile or damaged file ends in an error instead of a full memory. */
export interface SizeLimits {
  /** Maximum size of a file, before and after unpacking, in bytes. @default 16,000,000,000 */
  readonly maximumFileBytes?: number | undefined
  /**
   * Maximum size in bytes of what must be in memory at once, unpacked: a line of JSONL, a CSV record, a `.json` file, a
   * page of a Parquet file. @default 100,000,000
   */
  readonly maximumSampleBytes?: number | undefined
  /**
   * Maximum ratio of unpacked to packed bytes. Applies after the first 100,000,000 unpacked bytes. Text rarely exceeds
   * 50; a zip bomb reaches 1,000. @default 250
   */
  readonly maximumUnpackRatio?: number | undefined
}

export type Limits = Required<{ [Name in keyof SizeLimits]: number }>

const defaults: Limits = { maximumFileBytes: 16e9, maximumSampleBytes: 100e6, maximumUnpackRatio: 250 }

/** The ratio is not checked below this size: a short file of equal lines is harmless. */
const freeBytes = 100e6

/** @throws `invalid-options` for a limit that is not a whole number above 0. */
export function limitsOf(given: SizeLimits): Limits {
  const limits = { ...defaults }
  for (const name of Object.keys(defaults) as (keyof Limits)[]) {
    const value = given[name] ?? defaults[name]
    if (!Number.isSafeInteger(value) || value < 1)
      throw new SheikhError(
        'invalid-options',
        `Cannot read samples with ${name} ${value}: it is not a whole number above 0. Give one such as ${defaults[name]}.`,
      )
    limits[name] = value
  }
  return limits
}

/** Counts unpacked bytes. */
export class UnpackMeter {
  readonly #limits: Limits
  #unpacked = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** @returns the problem if the data unpacks to too much. @param packedBytes packed bytes consumed so far. */
  add(bytes: number, packedBytes: number): string | undefined {
    const { maximumFileBytes, maximumUnpackRatio } = this.#limits
    this.#unpacked += bytes
    if (this.#unpacked > maximumFileBytes) return `it unpacks to more than ${maximumFileBytes} bytes; split it`
    if (this.#unpacked > freeBytes && this.#unpacked > packedBytes * maximumUnpackRatio)
      return `it unpacks to more than ${maximumUnpackRatio} times its size, as a zip bomb does; if it is meant to, raise maximumUnpackRatio`
    return undefined
  }
}
