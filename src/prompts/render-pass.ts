import { type CallContext, isSheikhError, SheikhError } from '../core/index.js'
import { notPlain, type ProjectionPass, type ReadPlace } from '../dataset/index.js'
import type { Rendered } from './jinja/index.js'
import { canOpenRenderThread, openRenderThread, type RenderThread, Stuck } from './open-render-thread.js'
import type { RenderLimits } from './render-limits.js'
import type { RenderAnswer } from './render-messages.js'
import type { Template } from './template.js'
import { templateInvalid } from './template-error.js'

type Sample = Readonly<Record<string, unknown>>

/**
 * The work that is done before a thread starts, in steps. As much as a thread takes to start: about 50 ms.
 */
const stepsBeforeThread = 100_000
/** What a sample costs besides its steps, in steps. */
const stepsPerSample = 20
/** Samples in one message to the thread. */
const samplesPerMessage = 256
/** Without a thread, the event loop gets a turn after so many steps. */
const stepsPerTurn = 20_000

/**
 * Renders samples in this thread while they are few, and then in another one. The texts are the same. Texts, errors and
 * limits do not depend on which thread renders.
 */
export function openRenderPass(
  { text, template }: { readonly text: string; readonly template: Template },
  limits: RenderLimits,
  { signal }: CallContext,
): ProjectionPass<object, string> {
  const { file } = template
  let steps = 0
  let characters = 0
  let thread: RenderThread | undefined
  let isClosed = false
  const close = () => {
    isClosed = true
    thread?.close()
    signal.removeEventListener('abort', close)
  }
  const queue = renderQueue(() => {
    signal.throwIfAborted()
    if (isClosed) throw new Error('the walk over the samples is over')
    if (thread === undefined) {
      thread = openRenderThread(text, file)
      signal.addEventListener('abort', close)
    }
    return thread
  }, limits)

  /** In this thread. @returns the text, or the error of this sample. */
  function renderHere(sample: Sample): Rendered | SheikhError {
    try {
      return template.render(sample, limits)
    } catch (error) {
      if (isSheikhError(error, 'template-invalid')) return error
      throw error
    }
  }

  function checked(result: Rendered | SheikhError, place: ReadPlace): string {
    if (result instanceof SheikhError) throw withPlace(result, place)
    characters += result.text.length
    if (characters <= limits.totalCharacters) return result.text
    const fact = `the prompts of all samples together have more than ${limits.totalCharacters} characters`
    throw withPlace(
      templateInvalid(file, undefined, fact, 'Shorten the template, or raise prompts.limits.total_characters.'),
      place,
    )
  }

  return {
    async projectAll(samples, places) {
      const results: (Rendered | SheikhError)[] = []
      const mayOpen = canOpenRenderThread()
      let turn = steps + stepsPerTurn
      while (results.length < samples.length && (steps < stepsBeforeThread || !mayOpen)) {
        signal.throwIfAborted()
        const result = renderHere(samples[results.length] as Sample)
        results.push(result)
        steps += stepsPerSample + (result instanceof SheikhError ? limits.steps : result.steps)
        if (result instanceof SheikhError) break
        if (steps < turn) continue
        turn = steps + stepsPerTurn
        await new Promise((resolve) => setImmediate(resolve))
      }
      const rest = samples.slice(results.length) as readonly Sample[]
      const failed = results.at(-1) instanceof SheikhError
      if (rest.length > 0 && !failed) results.push(...(await elsewhere(rest, places.slice(results.length))))
      return results.map((result, index) => checked(result, places[index]!))
    },
    close,
  }

  async function elsewhere(
    samples: readonly Sample[],
    places: readonly ReadPlace[],
  ): Promise<readonly (Rendered | SheikhError)[]> {
    const results: (Rendered | SheikhError)[] = []
    const sent: Sample[] = []
    const indices: number[] = []
    for (const [index, sample] of samples.entries()) {
      const needed = pick(sample, template.reads)
      try {
        template.check(Object.keys(sample))
      } catch (error) {
        if (!isSheikhError(error)) throw error
        results[index] = error
        break
      }
      // A copy of another object may differ from it.
      if (notPlain(needed) === undefined) {
        sent.push(needed)
        indices.push(index)
      } else results[index] = renderHere(sample)
    }
    const answers = await queue(sent, (at) => places[indices[at]!]!, stuckError).catch((error: unknown) => {
      // An abort ends the thread.
      signal.throwIfAborted()
      throw error
    })
    for (const [at, answer] of answers.entries())
      results[indices[at]!] =
        'text' in answer ? answer : new SheikhError('template-invalid', answer.message, { facts: answer.facts })
    return results
  }

  function stuckError({ offset }: Stuck): SheikhError {
    const fact = `it cannot be rendered: rendering takes longer than ${limits.seconds} seconds`
    return templateInvalid(file, template.positionOf(offset), fact, 'Correct the template or its variables.')
  }
}

interface Waiting {
  readonly samples: readonly Sample[]
  readonly place: (index: number) => ReadPlace
  readonly stuck: (error: Stuck) => SheikhError
  readonly answers: RenderAnswer[number][]
  resolve(answers: RenderAnswer): void
  reject(error: unknown): void
  /** Number of samples that were sent. */
  sent: number
}

/** Collects samples while the thread is busy, so that many small files cost few messages. */
function renderQueue(open: () => RenderThread, limits: RenderLimits) {
  const waiting: Waiting[] = []
  let isRunning = false

  async function run(): Promise<void> {
    isRunning = true
    // Samples of calls that begin in the same turn go together.
    await undefined
    while (waiting.length > 0) {
      const batch: { readonly of: Waiting; readonly index: number }[] = []
      for (const of of waiting)
        while (of.sent < of.samples.length && batch.length < samplesPerMessage) batch.push({ of, index: of.sent++ })
      try {
        const samples = batch.map(({ of, index }) => of.samples[index]!)
        const answers = await open().render(samples, limits)
        for (const [at, { of, index }] of batch.entries()) of.answers[index] = answers[at]!
      } catch (error) {
        const failed = whatFailed(error, batch)
        for (const { reject } of waiting.splice(0)) reject(failed)
        break
      }
      for (const done of waiting.filter(({ samples, answers }) => answers.length === samples.length)) {
        waiting.splice(waiting.indexOf(done), 1)
        done.resolve(done.answers)
      }
    }
    isRunning = false
  }

  return (samples: readonly Sample[], place: Waiting['place'], stuck: Waiting['stuck']): Promise<RenderAnswer> =>
    samples.length === 0
      ? Promise.resolve([])
      : new Promise((resolve, reject) => {
          waiting.push({ samples, place, stuck, answers: [], resolve, reject, sent: 0 })
          if (!isRunning) void run()
        })
}

function whatFailed(error: unknown, batch: readonly { readonly of: Waiting; readonly index: number }[]): unknown {
  if (!(error instanceof Stuck)) return error
  const { of, index } = batch[error.index] ?? batch[0]!
  return withPlace(of.stuck(error), of.place(index))
}

function pick(sample: Sample, names: readonly string[]): Sample {
  const picked: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const name of names) if (Object.hasOwn(sample, name)) picked[name] = sample[name]
  return picked
}

/** Names the sample in an error about the template. */
function withPlace(error: SheikhError, { path, position, id }: ReadPlace): SheikhError {
  const where =
    path === ''
      ? `number ${position} of those given`
      : `in ${JSON.stringify(path)}${position === '' ? '' : `, ${position}`}`
  return new SheikhError(
    error.code,
    `${error.message} The sample${id === undefined ? '' : ` ${JSON.stringify(id)}`} is ${where}.`,
    { facts: { ...error.facts, sample: { path, position, ...(id !== undefined && { id }) } }, cause: error },
  )
}
