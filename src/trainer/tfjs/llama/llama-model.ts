import { setImmediate } from 'node:timers/promises'
import { type CallContext, type Digest, digestJson, type Json, SheikhError, seededRandom } from '../../../core/index.js'
import type { GenerateOptions, Model, Prediction, TextPart } from '../../../model/index.js'
import type { ChatTemplate } from '../../../prompts/index.js'
import { type Device, valuesOf } from '../devices.js'
import { type AnswerText, answerText } from './answer-text.js'
import type { SamplingOptions } from './choose-token.js'
import { createGenerator } from './generate.js'
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

interface Writing extends Omit<TextOutput, 'kind'> {
  readonly prompt: readonly number[]
  /** Decides what is sampled, together with the seed. */
  readonly input: string
  /** Called after each token, with the text so far. @returns whether the answer is no longer needed. */
  readonly onToken: (text: AnswerText) => boolean
}

export interface LlamaModelOptions {
  readonly weights: Digest
  /** Tokens; of a longer prompt the beginning is cut off, as in training. */
  readonly maximumLength: number
  /** Number of choices or texts in one pass, which bounds memory. @default 16 */
  readonly atOnce?: number | undefined
  readonly chat?: ChatTemplate | undefined
}

export function llamaModel(
  device: Device,
  llama: Llama,
  tokens: Tokens,
  answer: LlamaOutput,
  { weights, maximumLength, atOnce = 16, chat }: LlamaModelOptions,
): Model<string> {
  const { tf } = device
  const generator = createGenerator(device, llama, atOnce)
  const isEnd = new Set(llama.config.endTokens)
  return {
    // The digest also covers settings that decide the answers.
    digest: digestJson({ weights, answer: answer as unknown as Json, maximumLength }),
    ...(answer.kind === 'choice' && { labels: answer.choices }),
    async predict(inputs, context) {
      const predictions: Prediction[] = []
      let cut = 0
      const promptOf = (input: string, room: number): readonly number[] => {
        const prompt = checkedPrompt(tokens.encodePrompt(input))
        if (prompt.length > room) cut += 1
        return cutPrompt(prompt, room)
      }
      if (answer.kind === 'text') predictions.push(...(await writeAll(inputs, promptOf, answer, context)))
      else
        for (const input of inputs) {
          context.signal.throwIfAborted()
          if (answer.kind === 'likelihood') predictions.push(await measure(input))
          else predictions.push(await choose((room) => promptOf(input, room), answer))
          await setImmediate()
        }
      if (cut > 0)
        context.log.warn(`${cut} of ${inputs.length} prompts are too long and were truncated at their start`, { cut })
      return predictions
    },
    ...(answer.kind === 'text' && {
      generate: (input: string, options: GenerateOptions, context: CallContext) =>
        writeParts(input, answer, options, context),
      ...(chat !== undefined && { chatPrompt: chat }),
    }),
    async [Symbol.asyncDispose]() {
      await generator.stop()
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
    for (let first = 0; first < answers.length; first += atOnce) {
      const some = answers.slice(first, first + atOnce).map((one) => sequenceOf(prompt, one, true))
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

  /** Generates an answer. @returns its text, its number of tokens, and why it ended. */
  async function write(
    { prompt, input, onToken, maximumNewTokens = 64, stop = [], seed = 0, ...sampling }: Writing,
    { signal }: CallContext,
  ) {
    const text = answerText(tokens, prompt, stop)
    let count = 0
    const end = await generator.generate(
      {
        ...{ ...sampling, prompt, maximumNewTokens, random: seededRandom(seed).fork(input) },
        take(token) {
          count += 1
          if (isEnd.has(token)) return true
          const isStopped = text.add(token)
          return onToken(text) || isStopped
        },
      },
      signal,
    )
    return { text: text.complete(), count, end }
  }

  /** All at a time, as many as fit into one pass. */
  async function writeAll(
    inputs: readonly string[],
    promptOf: (input: string, room: number) => readonly number[],
    { kind: _, ...output }: TextOutput,
    context: CallContext,
  ): Promise<readonly Prediction[]> {
    // An answer that may be long leaves at least half of the positions to what is asked.
    const { maximumPositions } = llama.config
    const left = Math.max(maximumPositions - (output.maximumNewTokens ?? 64), Math.ceil(maximumPositions / 2))
    const prompts = inputs.map((input) => promptOf(input, Math.min(maximumLength, left)))
    let hasFailed = false
    const written = await Promise.allSettled(
      prompts.map(async (prompt, index) => {
        try {
          return await write({ ...output, prompt, input: inputs[index]!, onToken: () => hasFailed }, context)
        } catch (error) {
          hasFailed = true
          throw error
        }
      }),
    )
    return written.map((one) => {
      if (one.status === 'rejected') throw one.reason
      return { kind: 'text', text: one.value.text }
    })
  }

  async function* writeParts(
    input: string,
    { kind: _, ...output }: TextOutput,
    options: GenerateOptions,
    context: CallContext,
  ): AsyncGenerator<TextPart, void> {
    const { isChat = false, stop = [], ...settings } = options
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
    const prompt = checkedPrompt(isChat ? tokens.encodeChat(input) : tokens.encodePrompt(input))
    const most = Math.min(maximumLength, llama.config.maximumPositions - 1)
    if (prompt.length > most)
      throw new SheikhError(
        'dataset-invalid',
        `Cannot generate: the prompt has ${prompt.length} tokens, but the maximum is ${most}. Shorten it.`,
      )
    let isLeft = false
    let text = ''
    let wake = () => {}
    const onToken = (soFar: AnswerText) => {
      text = soFar.settled()
      wake()
      return isLeft
    }
    let written: Awaited<ReturnType<typeof write>> | undefined
    const writing = write(
      { ...output, ...given, stop: [...(output.stop ?? []), ...stop], prompt, input, onToken },
      context,
    )
    const ended = writing.then((all) => {
      written = all
    })
    try {
      let sent = ''
      while (written === undefined) {
        if (text.length > sent.length) {
          const part = text.slice(sent.length)
          sent = text
          yield { text: part }
        } else await Promise.race([ended, new Promise<void>((resolve) => (wake = resolve))])
      }
      const { text: complete, count, end } = written
      yield {
        text: (complete.startsWith(sent) ? complete : text).slice(sent.length),
        end: { reason: end === 'complete' ? 'stop' : 'length', tokens: { prompt: prompt.length, answer: count } },
      }
    } finally {
      isLeft = true
      ended.catch(() => {})
    }
  }

  function checkedPrompt(prompt: readonly number[]): readonly number[] {
    if (prompt.length > 0) return prompt
    throw new SheikhError(
      'dataset-invalid',
      'Cannot predict an empty input: it has no tokens, and this model has no start token. Remove it.',
    )
  }
}

const sum = (values: Iterable<number>) => {
  let total = 0
  for (const value of values) total += value
  return total
}
