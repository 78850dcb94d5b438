import { type CallContext, isSheikhError, type Json, messageOf } from '../core/index.js'
import type { GenerateOptions, Prediction, TextPart } from '../model/index.js'
import type { ReleasedModel } from '../releaser/index.js'
import { Fault } from './fault.js'
import type { CheckInputs } from './input-check.js'
import { notSupported } from './protocols/request.js'

export interface GenerateParts<I> {
  readonly checkInputs: CheckInputs<I>
  readonly predict: (inputs: readonly I[]) => Promise<readonly Prediction[]>
  readonly context: CallContext
}

/**
 * Generates one text: in parts if the model can, otherwise in one part by a prediction, which has no settings.
 *
 * @throws `Fault`.
 */
export async function* generateText<I>(
  model: Pick<ReleasedModel<I>, 'generate'>,
  prompt: Json,
  options: GenerateOptions,
  { checkInputs, predict, context }: GenerateParts<I>,
): AsyncGenerator<TextPart, void> {
  const inputs = await checkInputs([prompt])
  if (model.generate === undefined) {
    const { isChat: _, ...settings } = options
    const [setting] = Object.entries(settings).find(([, value]) => value !== undefined) ?? []
    if (setting !== undefined)
      throw notSupported(`the settings of this model are fixed, but the request sets ${names[setting]}`, 'Leave it out')
    const [prediction] = await predict(inputs)
    if (prediction?.kind !== 'text')
      throw notSupported(`it has texts, but the model predicts a ${prediction?.kind ?? 'nothing'}`)
    yield { text: prediction.text, end: { reason: 'stop' } }
    return
  }
  try {
    yield* model.generate(inputs[0]!, options, context)
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof Fault) throw error
    if (isSheikhError(error, 'dataset-invalid')) throw new Fault('invalid-input', messageOf(error))
    throw new Fault('prediction-failed', 'Cannot generate: the model failed. See the log of the server.', {}, error)
  }
}

/** The settings as clients know them. */
const names: Readonly<Record<string, string>> = {
  maximumNewTokens: '"max_tokens"',
  temperature: '"temperature"',
  topP: '"top_p"',
  seed: '"seed"',
  stop: '"stop"',
}
