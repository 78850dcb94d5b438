import { type CallContext, SheikhError } from '../../../core/index.js'
import type { Rows } from '../../../model/index.js'
import type { TokenSequence } from './llama.js'
import type { Tokens } from './tokens.js'

export interface SequenceOptions {
  /** Maximum number of tokens. The prompt of a longer text is truncated at its start. */
  readonly maximumLength: number
  /** Whether to train only on the answer, or also on the prompt. */
  readonly completionOnly: boolean
  /** Whether short texts share a sequence. They do not attend to each other. */
  readonly packing: boolean
  /** Trains on the inputs themselves, without targets. */
  readonly inputsAlone: boolean
}

/** Maximum number of sequences with free space that packing searches, which keeps it fast. */
const openSequences = 64

/**
 * Passes the rows to `keep` as training sequences: prompt, answer, end.
 *
 * @throws `dataset-invalid` if a row is not text, or its answer alone is too long.
 */
export async function readSequences(
  rows: Rows<string, string>,
  tokens: Tokens,
  options: SequenceOptions,
  keep: Keep,
  context: CallContext,
): Promise<void> {
  let found = 0
  let cut = 0
  const { add, end } = options.packing ? packer(options.maximumLength, keep) : { add: keep, end: () => undefined }
  for await (const { id, input, target } of rows) {
    context.signal.throwIfAborted()
    if (options.inputsAlone && typeof input === 'string') {
      found += 1
      for (const sequence of textSequences(tokens, input, options.maximumLength)) await add(sequence)
      continue
    }
    if (typeof input !== 'string' || typeof target !== 'string')
      throw invalidRow(id, `its ${typeof input === 'string' ? 'target' : 'input'} is not text`)
    const answer = tokens.encodeAnswer(target)
    const prompt = tokens.encodePrompt(input)
    // The last token is only ever a target.
    const room = options.maximumLength + 1 - answer.length
    if (room < 1 || answer.length === 0)
      throw invalidRow(id, `its answer has ${answer.length} tokens, but the maximum length is ${options.maximumLength}`)
    if (prompt.length > room) cut += 1
    const kept = cutPrompt(prompt, room)
    if (kept.length === 0) throw invalidRow(id, 'its prompt has no tokens')
    found += 1
    await add(sequenceOf(kept, answer, options.completionOnly))
  }
  if (found === 0)
    throw new SheikhError('dataset-invalid', 'Cannot train a language model: there are no rows. Add samples.')
  if (cut > 0)
    context.log.warn(`${cut} of ${found} prompts are longer than a sequence and were truncated at their start`, { cut })
  await end()
}

/** The end of a prompt, with the token that begins every text: the question stands at the end more often than at the start. */
export function cutPrompt(prompt: readonly number[], room: number): readonly number[] {
  if (prompt.length <= room) return prompt
  return [prompt[0]!, ...prompt.slice(prompt.length - room + 1)].slice(0, room)
}

/** A text with its end, cut into sequences: each begins with the last token of the one before, so that all but the first are learned. */
export function textSequences(tokens: Tokens, text: string, maximumLength: number): readonly TokenSequence[] {
  const all = [...tokens.encodePrompt(text), ...tokens.encodeAnswer('')]
  const found: TokenSequence[] = []
  for (let first = 0; first < all.length - 1; first += maximumLength)
    found.push(sequenceOf(all.slice(first, first + maximumLength + 1), [], false))
  return found
}

/** @param completionOnly `false`: the tokens of the prompt are targets too. */
export function sequenceOf(
  prompt: readonly number[],
  answer: readonly number[],
  completionOnly: boolean,
): TokenSequence {
  const all = [...prompt, ...answer]
  const first = completionOnly ? prompt.length : 1
  const ids = Int32Array.from(all.slice(0, -1))
  return {
    ids,
    positions: Int32Array.from(ids.keys()),
    segments: new Int32Array(ids.length),
    targets: Int32Array.from(ids, (_, place) => (place + 1 >= first ? all[place + 1]! : -1)),
  }
}

type Keep = (sequence: TokenSequence) => Promise<void> | undefined

/** Each into the first sequence that has room, in order; of more than are looked through, the oldest is done. */
function packer(maximumLength: number, keep: Keep) {
  const open: { readonly members: TokenSequence[]; length: number }[] = []
  return {
    async add(sequence: TokenSequence): Promise<void> {
      const { length } = sequence.ids
      const bin = open.find((one) => one.length + length <= maximumLength)
      if (bin === undefined) open.push({ members: [sequence], length })
      else {
        bin.members.push(sequence)
        bin.length += length
      }
      if (open.length > openSequences) await keep(joined(open.shift()!.members))
    },
    async end(): Promise<void> {
      for (const { members } of open) await keep(joined(members))
    },
  }
}

function joined(members: readonly TokenSequence[]): TokenSequence {
  const all = (part: (sequence: TokenSequence, index: number) => Iterable<number>) =>
    Int32Array.from(members.flatMap((sequence, index) => [...part(sequence, index)]))
  return {
    ids: all(({ ids }) => ids),
    positions: all(({ positions }) => positions),
    segments: all(({ ids }, index) => ids.map(() => index)),
    targets: all(({ targets }) => targets),
  }
}

const invalidRow = (id: string, fact: string) =>
  new SheikhError(
    'dataset-invalid',
    `Cannot train a language model on the row "${id}": ${fact}. Correct the sample, or raise maximumLength.`,
    { facts: { id } },
  )
