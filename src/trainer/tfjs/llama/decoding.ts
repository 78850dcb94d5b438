import { type Device, valuesOf } from '../devices.js'
import { type ArrayCache, arrayCacheOf, attendInArrays } from './array-cache.js'
import { type Cache, capacityFor, capacityOf, joined, rowsOf, withCapacity } from './cache.js'
import { afterPrompt, afterTokens, type Llama } from './llama.js'

/** A prompt that was read, and is not among the sequences yet. */
export interface ReadPrompt {
  /** Of the token that follows: [vocabulary]. */
  readonly logits: Float32Array
  /** Makes it the last of the sequences. */
  join(): void
  /** Frees its keys and values, also if it has joined. */
  dispose(): void
}

/** The keys and values of several sequences, and the passes through the model that extend them. */
export interface Decoding {
  read(prompt: readonly number[]): Promise<ReadPrompt>
  /**
   * Adds one token to each sequence.
   *
   * @param positions of the tokens. @returns the logits of the tokens that follow: [sequences, vocabulary].
   */
  step(tokens: readonly number[], positions: readonly number[]): Promise<Float32Array>
  /** Frees the sequences that are not among these rows. */
  keep(rows: readonly number[]): void
}

/**
 * On `wasm` and `js`, keys and values are arrays of JavaScript, one per sequence: their memory is the processor's. Other devices
 * have them as tensors, because reading a tensor waits for the device.
 */
export const decodingOf = (device: Device, llama: Llama): Decoding =>
  device.name === 'wasm' || device.name === 'js' ? inArrays(device, llama) : inTensors(device, llama)

function inArrays({ tf, use }: Device, llama: Llama): Decoding {
  let sequences: ArrayCache[] = []
  return {
    async read(prompt) {
      let own: ArrayCache = []
      const logits = use(() =>
        tf.tidy(() => {
          const next = afterPrompt(llama, Int32Array.from(prompt))
          own = arrayCacheOf(next.cache)
          return next.logits
        }),
      )
      return { logits: await valuesOf(logits), join: () => void sequences.push(own), dispose() {} }
    },
    step(tokens, positions) {
      const places = Int32Array.from(positions)
      const layers = sequences[0]!.map((_, layer) =>
        attendInArrays(
          tf,
          llama.config,
          sequences.map((own) => own[layer]!),
          places,
        ),
      )
      const past = layers.map((attend) => ({ attend }))
      return valuesOf(use(() => tf.tidy(() => afterTokens(llama, Int32Array.from(tokens), places, past).logits)))
    },
    keep(rows) {
      sequences = rows.map((row) => sequences[row]!)
    },
  }
}

function inTensors(device: Device, llama: Llama): Decoding {
  const { tf } = device
  /** A row for each sequence. */
  let cache: Cache | undefined
  const tidy = <R>(work: () => R): R => device.use(() => tf.tidy(work as never)) as R
  const free = (old: Cache) => device.use(() => tf.dispose(old as never))
  function replace(next: Cache | undefined): void {
    const old = cache ?? []
    cache = next
    free(old)
  }
  return {
    async read(prompt) {
      const { logits, cache: own } = tidy(() => afterPrompt(llama, Int32Array.from(prompt)))
      const dispose = () => free(own)
      const join = () => {
        const before = cache
        const capacity = Math.max(capacityFor(prompt.length), before === undefined ? 0 : capacityOf(before))
        replace(tidy(() => (before ? joined(tf, before, own, capacity) : withCapacity(tf, own, capacity))))
      }
      try {
        return { logits: await valuesOf(logits), join, dispose }
      } catch (error) {
        dispose()
        throw error
      }
    },
    async step(tokens, positions) {
      const old = cache!
      const capacity = capacityFor(Math.max(...positions) + 1)
      const next = tidy(() => {
        const roomy = capacityOf(old) === capacity ? old : withCapacity(tf, old, capacity)
        return afterTokens(llama, Int32Array.from(tokens), Int32Array.from(positions), roomy)
      })
      replace(next.cache)
      return valuesOf(next.logits)
    },
    keep(rows) {
      const old = cache
      if (old === undefined) return
      replace(rows.length === 0 ? undefined : tidy(() => rowsOf(tf, old, rows)))
    },
  }
}
