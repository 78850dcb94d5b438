import type { Tensor4D } from '@tensorflow/tfjs-core'
import type { TfjsCore } from '../devices.js'
import type { KeysAndValues } from './layers.js'

/** Keys and values of the positions so far, by layer. Positions that are not written yet are 0. Whoever has it disposes it. */
export type Cache = readonly KeysAndValues[]

/**
 * The number of positions is a multiple of this. Sums over positions then add what is not written, which is 0, after the
 * rest and in the same order, so an answer does not depend on the length of others.
 */
const block = 128

export const capacityOf = (cache: Cache): number => cache[0]!.keys.shape[2]

/** The capacity for sequences of up to so many positions. */
export const capacityFor = (positions: number): number => Math.ceil(positions / block) * block

/** These sequences of the cache. Runs inside `tf.tidy`. */
export function rowsOf(tf: TfjsCore, cache: Cache, rows: readonly number[]): Cache {
  return mapped(cache, (x) => tf.gather(x, tf.tensor1d([...rows], 'int32')))
}

/** The sequences of both, one after the other. Runs inside `tf.tidy`. */
export function joined(tf: TfjsCore, first: Cache, second: Cache, capacity: number): Cache {
  return first.map(({ keys, values }, layer) => ({
    keys: tf.concat([resized(tf, keys, capacity), resized(tf, second[layer]!.keys, capacity)]),
    values: tf.concat([resized(tf, values, capacity), resized(tf, second[layer]!.values, capacity)]),
  }))
}

/** The cache with another capacity. Runs inside `tf.tidy`. */
export function withCapacity(tf: TfjsCore, cache: Cache, capacity: number): Cache {
  return mapped(cache, (x) => resized(tf, x, capacity))
}

const mapped = (cache: Cache, map: (x: Tensor4D) => Tensor4D): Cache =>
  cache.map(({ keys, values }) => ({ keys: map(keys), values: map(values) }))

function resized(tf: TfjsCore, x: Tensor4D, capacity: number): Tensor4D {
  const [batch, heads, positions, headSize] = x.shape
  if (capacity <= positions) return tf.slice(x, [0, 0, 0, 0], [batch, heads, capacity, headSize])
  return tf.pad(x, [
    [0, 0],
    [0, 0],
    [0, capacity - positions],
    [0, 0],
  ])
}
