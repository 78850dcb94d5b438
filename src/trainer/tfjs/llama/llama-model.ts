import { setImmediate } from 'node:timers/promises'
import { type CallContext, type Digest, digestJson, type Json, SheikhError, seededRandom } from '../../../core/index.js'
import type { Model, Prediction } from '../../../model/index.js'
import { type Device, valuesOf } from '../devices.js'
import { generate, type SamplingOptions } from './generate.js'
import { type Llama, type TokenSequence, targetLogLikelihoods } from './llama.js'
import { cutPrompt, sequenceOf, textSequences } from './sequences.js'
import type { Tokens } from './tokens.js'

/** The kind of answer of a language model. */
export type LlamaOutput = TextOutput | ChoiceOutput | LikelihoodOutput

/** Generates a text, up to the model's end token, one of `stop`, or the maximum number of tokens. */
export interface TextOutput extends SamplingOptions {
  readonly kind: 'text'
  /** @default 64 */
  readonly maximumNewTokens?: number | undefined
  /** Texts that end an answer. They are not part of it. @default none */
  readonly stop?: readonly string[] | undefined
  /** Seed for sampling. The same prompt always gets the same answer, independent of earlier prompts. @default 0 */
  readonly seed?: number | undefined
}

/** Selects the likeliest of the given answers, by the probability of the complete answer with its end token. */
export interface ChoiceOutput {
  readonly kind: 'choice'
  readonly choices: readonly string[]
}

/**
 * Returns `[−ln p, tokens]` of the input itself with its end token, for the metric `crossEntropy`. Training then uses
 * the inputs and ignores targets.
 */
export interface LikelihoodOutput {
  readonly kind: 'likelihood'
}

/** A prompt's tokens, cut to the room that there is. */
type PromptWithin = (room: number) => readonly number[]

export interface LlamaModelOptions {
  readonly weights: Digest
  /** Tokens; of a longer prompt the beginning is cut off, as in training. */
  readonly maximumLength: number
  /** Number of choices compared in one pass, which bounds memory. @default 16 */
  readonly choicesAtOnce?: number | undefined
}

export function llamaModel(
  device: Device,
  llama: Llama,
  tokens: Tokens,
  answer: LlamaOutput,
  { weights, maximumLength, choicesAtOnce = 16 }: LlamaModelOptions,
): Model<string> {
  const { tf } = device
  return {
    // The digest also covers settings that decide the answers.
    digest: digestJson({ weights, answer: answer as unknown as Json, maximumLength }),
    ...(answer.kind === 'choice' && { labels: answer.choices }),
    async predict(inputs, context) {
      const predictions: Prediction[] = []
      let cut = 0
      const promptOf = (input: string, room: number): readonly number[] => {
        const prompt = tokens.encodePrompt(input)
        if (prompt.length === 0)
          throw new SheikhError(
            'dataset-invalid',
            'Cannot predict an empty input: it has no tokens, and this model has no start token. Remove it.',
          )
        if (prompt.length > room) cut += 1
        return cutPrompt(prompt, room)
      }
      for (const input of inputs) {
        context.signal.throwIfAborted()
        if (answer.kind === 'likelihood') predictions.push(await measure(input))
        else if (answer.kind === 'choice') predictions.push(await choose((room) => promptOf(input, room), answer))
        else predictions.push(await write((room) => promptOf(input, room), answer, input, context))
        await setImmediate()
      }
      if (cut > 0)
        context.log.warn(`${cut} of ${inputs.length} prompts are too long and were truncated at their start`, { cut })
      return predictions
    },
    async [Symbol.asyncDispose]() {
      device.use(() => tf.dispose(llama.weights as never))
    },
  }

  /** In windows, where it is longer than a sequence: each begins with the last token of the one before. */
  async function measure(input: string): Promise<Prediction> {
    const found: number[] = []
    for (const window of textSequences(tokens, input, maximumLength))
      found.push(...(await logLikelihoods([window]))[0]!)
    return { kind: 'vector', values: [0 - sum(found), found.length] }
  }

  /** ln p of each target, by sequence. */
  async function logLikelihoods(sequences: readonly TokenSequence[]): Promise<readonly Float32Array[]> {
    const found = await valuesOf(device.use(() => tf.tidy(() => targetLogLikelihoods(llama, sequences))))
    let first = 0
    return sequences.map(({ targets }) => {
      const count = targets.reduce((total, target) => total + (target >= 0 ? 1 : 0), 0)
      first += count
      return found.slice(first - count, first)
    })
  }

  async function choose(promptWithin: PromptWithin, { choices }: ChoiceOutput): Promise<Prediction> {
    const answers = choices.map((choice) => tokens.encodeAnswer(choice))
    const prompt = promptWithin(Math.max(1, maximumLength + 1 - Math.max(...answers.map(({ length }) => length))))
    const likelihoods: number[] = []
    for (let first = 0; first < answers.length; first += choicesAtOnce) {
      const some = answers.slice(first, first + choicesAtOnce).map((one) => sequenceOf(prompt, one, true))
      likelihoods.push(...(await logLikelihoods(some)).map(sum))
    }
    const best = likelihoods.indexOf(Math.max(...likelihoods))
    const shares = likelihoods.map((value) => Math.exp(value - likelihoods[best]!))
    const total = sum(shares)
    return {
      kind: 'label',
      label: choices[best]!,
      probabilities: Object.fromEntries(choices.map((choice, index) => [choice, shares[index]! / total])),
    }
  }

  async function write(
    promptWithin: PromptWithin,
    { maximumNewTokens = 64, stop = [], seed = 0, ...sampling }: TextOutput,
    input: string,
    context: CallContext,
  ): Promise<Prediction> {
    // An answer that may be long leaves at least half of the positions to what is asked.
    const { maximumPositions } = llama.config
    const left = Math.max(maximumPositions - maximumNewTokens, Math.ceil(maximumPositions / 2))
    const prompt = promptWithin(Math.min(maximumLength, left))
    const isEnd = new Set(llama.config.endTokens)
    const stopIn = (text: string) =>
      Math.min(...stop.map((end) => text.indexOf(end)).filter((place) => place >= 0), text.length)
    const ids = await generate(
      device,
      llama,
      {
        ...{ ...sampling, prompt, maximumNewTokens, random: seededRandom(seed).fork(input) },
        isComplete(soFar) {
          if (isEnd.has(soFar.at(-1)!)) return true
          if (stop.length === 0) return false
          const text = tokens.decodeAnswer(prompt, soFar)
          return stopIn(text) < text.length
        },
      },
      context,
    )
    const text = tokens.decodeAnswer(prompt, isEnd.has(ids.at(-1)!) ? ids.slice(0, -1) : ids)
    return { kind: 'text', text: text.slice(0, stopIn(text)).trimEnd() }
  }
}

const sum = (values: Iterable<number>) => {
  let total = 0
  for (const value of values) total += value
  return total
}
