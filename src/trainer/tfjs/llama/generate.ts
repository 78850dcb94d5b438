import { setImmediate } from 'node:timers/promises'
import type { Random } from '../../../core/index.js'
import type { Device } from '../devices.js'
import { chooseToken, type SamplingOptions } from './choose-token.js'
import { decodingOf, type ReadPrompt } from './decoding.js'
import { withKeptTransposes } from './kept-transposes.js'
import type { Llama } from './llama.js'

export interface GenerateRequest extends SamplingOptions {
  readonly prompt: readonly number[]
  readonly maximumNewTokens: number
  readonly random: Random
  /** Takes the tokens of the answer as they are made, with the one that ends it. @returns whether it is complete. */
  take(token: number): boolean
}

/** Generates several answers at a time. */
export interface Generator {
  /** Resolves when the answer is complete, or has as many tokens as it may. */
  generate(request: GenerateRequest, signal: AbortSignal): Promise<'complete' | 'length'>
  /** Ends all answers and frees their memory. */
  stop(): Promise<void>
}

interface Sequence {
  readonly request: GenerateRequest
  readonly signal: AbortSignal
  readonly most: number
  readonly settle: { resolve(end: 'complete' | 'length'): void; reject(error: unknown): void }
  /** The last token, which is not in the cache. */
  last: number
  answered: number
  /** Absent while it goes on. Called when its keys and values are freed. */
  outcome: (() => void) | undefined
}

/**
 * Advances all sequences by one token per step, in one pass through the model ("continuous batching": Yu et al., "Orca",
 * 2022). A new sequence joins between two steps and leaves when its answer is complete. On `wasm` and `js`, every answer has
 * the same bytes as alone, because each row of a product is computed in the same order in any batch. Other devices may
 * round differently, so two tokens that are equally likely up to the rounding may be swapped.
 *
 * @param maximumActive sequences in one pass; more wait. It bounds the memory of keys and values.
 */
export function createGenerator(device: Device, given: Llama, maximumActive: number): Generator {
  const { llama, dispose } = withKeptTransposes(device, given)
  const decoding = decodingOf(device, llama)
  const waiting: Sequence[] = []
  /** In the order of the sequences in `decoding`. */
  let active: readonly Sequence[] = []
  let running: Promise<void> | undefined
  const stopping = new AbortController()

  const positionOf = ({ request, answered }: Sequence) => request.prompt.length + answered - 1

  function take(sequence: Sequence, logits: Float32Array): void {
    const { request, settle, most } = sequence
    try {
      sequence.last = chooseToken(logits, request, request.random)
      sequence.answered += 1
      if (request.take(sequence.last)) sequence.outcome = () => settle.resolve('complete')
      else if (sequence.answered >= most) sequence.outcome = () => settle.resolve('length')
    } catch (error) {
      sequence.outcome = () => settle.reject(error)
    }
  }

  /** Takes the sequences that are over out of the batch. */
  function keepOthers(): void {
    for (const sequence of active)
      for (const { aborted, reason } of [sequence.signal, stopping.signal])
        if (aborted) sequence.outcome ??= () => sequence.settle.reject(reason)
    const over = active.filter(({ outcome }) => outcome !== undefined)
    if (over.length === 0) return
    const rows = [...active.keys()].filter((row) => active[row]!.outcome === undefined)
    active = rows.map((row) => active[row]!)
    try {
      decoding.keep(rows)
    } finally {
      for (const { outcome } of over) outcome!()
    }
  }

  async function admit(sequence: Sequence): Promise<void> {
    const { request, signal, settle } = sequence
    let prompt: ReadPrompt | undefined
    try {
      signal.throwIfAborted()
      stopping.signal.throwIfAborted()
      prompt = await decoding.read(request.prompt)
      take(sequence, prompt.logits)
      if (sequence.outcome === undefined) {
        prompt.join()
        active = [...active, sequence]
      }
    } catch (error) {
      sequence.outcome = () => settle.reject(error)
    } finally {
      prompt?.dispose()
    }
    sequence.outcome?.()
  }

  async function step(): Promise<void> {
    const logits = await decoding.step(
      active.map(({ last }) => last),
      active.map(positionOf),
    )
    const size = logits.length / active.length
    for (const [row, sequence] of active.entries()) take(sequence, logits.subarray(row * size, (row + 1) * size))
    keepOthers()
  }

  async function run(): Promise<void> {
    try {
      for (;;) {
        // The program's other work, such as sending the tokens.
        await setImmediate()
        keepOthers()
        const next = active.length < maximumActive ? waiting.shift() : undefined
        if (next !== undefined) await admit(next)
        if (active.length > 0) await step()
        else if (waiting.length === 0) return
      }
    } catch (error) {
      // Of a pass through the model, so it concerns all sequences in it.
      for (const sequence of active) sequence.outcome ??= () => sequence.settle.reject(error)
      keepOthers()
    } finally {
      running = waiting.length > 0 ? run() : undefined
    }
  }

  return {
    generate(request, signal) {
      const most = Math.min(request.maximumNewTokens, llama.config.maximumPositions - request.prompt.length)
      if (signal.aborted) return Promise.reject(signal.reason)
      if (most <= 0) return Promise.resolve('length')
      return new Promise((resolve, reject) => {
        waiting.push({ request, signal, most, settle: { resolve, reject }, last: -1, answered: 0, outcome: undefined })
        running ??= run()
      })
    },
    async stop() {
      stopping.abort(new Error('The model is disposed. Load it again.'))
      await running
      dispose()
    },
  }
}
