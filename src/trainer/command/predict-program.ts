import { SheikhError } from '../../core/index.js'
import type { Prediction } from '../../model/index.js'
import type { LoadContext } from '../trainer.js'
import { parseJsonLine } from './json-line.js'
import { requestVariable } from './options.js'
import { type Program, startProgram } from './program.js'
import { programFailed } from './program-failed.js'
import { programOutput } from './program-output.js'
import type { Settings } from './settings.js'

/** Maximum size of an answer. The largest string in V8 is 512 MiB. */
const longestAnswerBytes = 256 << 20

/** A program that has loaded weights and predicts one batch after another. */
export interface Predictor {
  readonly labels: readonly string[] | undefined
  /** Whether it can answer no other request, because the program ended or was stopped. */
  readonly hasEnded: () => boolean
  readonly predict: (inputs: readonly unknown[], context: LoadContext) => Promise<readonly Prediction[]>
  readonly close: () => Promise<void>
}

type PredictionLine = Readonly<Record<string, unknown>>

/**
 * Starts `predict` and waits until it has loaded.
 *
 * @throws `artifact-corrupt` if the program answers `{"error":…}`; `stage-failed` if it ends or takes too long.
 */
export async function startPredictor(
  settings: Settings,
  requestFile: string,
  context: LoadContext,
): Promise<Predictor> {
  const { predict, redact, predictLimitMs } = settings
  const output = programOutput(predict.command, redact, context.log)
  let waiting: { readonly kind: string; readonly resolve: (answer: PredictionLine) => void } | undefined
  let hasEnded = false
  const program: Program = await startProgram({
    ...predict,
    args: [...predict.args, requestFile],
    variables: { ...settings.variables, [requestVariable]: requestFile },
    graceMs: settings.graceMs,
    stdin: true,
    longestLineBytes: longestAnswerBytes,
    onLine(line, whole) {
      const answer = waiting !== undefined && isAnswer(line) ? answerOf(line, whole) : undefined
      if (waiting !== undefined && answer !== undefined && (waiting.kind in answer || 'error' in answer))
        waiting.resolve(answer)
      else output.add(line)
    },
    onErrorLine: output.add,
  })
  void program.ended.then(() => {
    hasEnded = true
  })
  const stop = async () => {
    hasEnded = true
    await program.stop()
  }

  /** Waits for a line of the kind, the program's end, the time limit or the signal, whichever comes first. */
  async function ask(kind: string, doing: string, { signal }: LoadContext, question?: string): Promise<PredictionLine> {
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(tooLong(doing, predictLimitMs)), predictLimitMs)
    const either = AbortSignal.any([signal, limit.signal])
    try {
      return await new Promise<PredictionLine>((resolve, reject) => {
        either.addEventListener('abort', () => reject(either.reason), { once: true })
        if (either.aborted) reject(either.reason)
        waiting = { kind, resolve }
        void program.ended.then((ending) => reject(programFailed(doing, ending, output.lastLines())))
        // A broken pipe is reported by the program's end.
        if (question !== undefined) program.stdin?.write(`${question}\n`)
      })
    } catch (error) {
      // Later output would not belong to any request.
      await stop()
      throw error
    } finally {
      waiting = undefined
      clearTimeout(timer)
    }
  }

  const ready = await ask('ready', 'Loading the weights', context)
  if ('error' in ready) {
    await stop()
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot load the weights: ${redact(String(ready['error']))}. Use the trainer that made them.`,
    )
  }
  return {
    labels: labelsOf(ready),
    hasEnded: () => hasEnded,
    async predict(inputs, asking) {
      const answer = await ask('predictions', 'Predicting', asking, JSON.stringify({ inputs }))
      // The error concerns these inputs, not the program, so the caller may continue with others.
      if ('error' in answer) throw new Error(redact(String(answer['error'])))
      const { predictions } = answer
      if (!Array.isArray(predictions) || predictions.length !== inputs.length)
        throw wrongAnswer(
          `the program returned ${Array.isArray(predictions) ? predictions.length : 'no list of'} predictions for ${inputs.length} inputs`,
        )
      const odd = predictions.find((prediction) => !isPrediction(prediction))
      if (odd !== undefined)
        throw wrongAnswer(
          `${redact(JSON.stringify(odd)).slice(0, 200)} is not a prediction, or contains a number that is not finite`,
        )
      return predictions as readonly Prediction[]
    },
    close: stop,
  }
}

const isAnswer = (line: string) => /^\s*\{\s*"(ready|predictions|error)"/.test(line.slice(0, 100))

function answerOf(line: string, whole: boolean): PredictionLine {
  if (!whole) return { error: `the answer is longer than ${longestAnswerBytes} bytes` }
  return parseJsonLine(line) ?? { error: 'the answer is not JSON' }
}

function labelsOf({ labels }: PredictionLine): readonly string[] | undefined {
  if (labels === undefined || labels === null) return undefined
  if (Array.isArray(labels) && labels.every((label) => typeof label === 'string')) return labels
  throw wrongAnswer('"labels" is not a list of strings')
}

function isPrediction(value: unknown): value is Prediction {
  if (typeof value !== 'object' || value === null) return false
  const prediction = value as Readonly<Record<string, unknown>>
  switch (prediction['kind']) {
    case 'label':
      return typeof prediction['label'] === 'string' && isProbabilities(prediction['probabilities'])
    case 'number':
      return Number.isFinite(prediction['value'])
    case 'text':
      return typeof prediction['text'] === 'string'
    case 'vector':
      return Array.isArray(prediction['values']) && prediction['values'].every(Number.isFinite)
    default:
      return false
  }
}

const isProbabilities = (value: unknown) =>
  value === undefined ||
  (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(Number.isFinite))

const wrongAnswer = (fact: string) =>
  new SheikhError(
    'evaluation-invalid',
    `Cannot use the predictions: ${fact}. Correct the program: it must return one prediction per input, in order.`,
  )

const tooLong = (doing: string, limitMs: number) =>
  new DOMException(
    `${doing} took longer than ${limitMs} ms, and the program was stopped. Raise predictLimitMs.`,
    'TimeoutError',
  )
