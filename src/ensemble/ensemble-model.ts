import { type CallContext, type Digest, SheikhError } from '../core/index.js'
import type { Model, Prediction } from '../model/index.js'
import { combinePredictions, type PredictionCombination } from './combine.js'

/** A loaded member. */
export interface MemberModel<I> {
  readonly name: string
  readonly share: number
  readonly model: Model<I>
}

export interface EnsembleModelOptions<I> {
  readonly digest: Digest
  readonly members: readonly MemberModel<I>[]
  readonly combine: PredictionCombination
  /** The members have threads of their own: they are asked at the same time. */
  readonly atOnce: boolean
}

/** Several models as one. Disposing it disposes them. */
export function ensembleModel<I>({ digest, members, combine, atOnce }: EnsembleModelOptions<I>): Model<I> {
  const shares = members.map(({ share }) => share)
  const known = members.map(({ model }) => model.labels)
  const labels = known.every((some) => some !== undefined) ? [...new Set(known.flat())] : undefined
  const ask = async ({ name, model }: MemberModel<I>, inputs: readonly I[], context: CallContext) => {
    const predictions = await model.predict(inputs, context)
    if (predictions.length === inputs.length) return predictions
    throw new SheikhError(
      'evaluation-invalid',
      `Cannot combine the predictions of the ensemble: the member "${name}" returned ${predictions.length} predictions for ${inputs.length} inputs. Return one prediction per input, in order.`,
    )
  }
  return {
    digest,
    ...(labels !== undefined && { labels }),
    async predict(inputs, context) {
      const answers: (readonly Prediction[])[] = []
      if (atOnce) answers.push(...(await Promise.all(members.map((member) => ask(member, inputs, context)))))
      else for (const member of members) answers.push(await ask(member, inputs, context))
      return inputs.map((_, index) =>
        combinePredictions(
          answers.map((predictions) => predictions[index]!),
          shares,
          combine,
        ),
      )
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map(({ model }) => model[Symbol.asyncDispose]()))
    },
  }
}
