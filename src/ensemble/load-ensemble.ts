import { join } from 'node:path'
import { SheikhError } from '../core/index.js'
import { type Model, readSmallJson, rereadWeightsDirectory, type WeightsDirectory } from '../model/index.js'
import type { LoadContext, Trainer } from '../trainer/index.js'
import { type EnsembleFile, ensembleFile, memberFolder, readEnsembleFile } from './ensemble-file.js'
import { ensembleModel, type MemberModel } from './ensemble-model.js'
import { ofMember } from './member.js'

/** The trainer that loads a member, by its name. */
type LoaderOf<I> = (name: string) => Pick<Trainer<I, never>, 'load'> | undefined

/**
 * Loads an ensemble by `mean` or `vote`.
 *
 * @throws `artifact-corrupt` for weights that are no ensemble, for changed files, and for a member without a trainer; what the trainers throw.
 */
export async function loadEnsemble<I>(
  weights: WeightsDirectory,
  loaderOf: LoaderOf<I>,
  context: LoadContext,
): Promise<Model<I>> {
  const content = await readEnsembleFile(weights)
  const loaded: MemberModel<I>[] = []
  try {
    for (const member of content.members) loaded.push(await loadMember(member, { weights, loaderOf }, context))
  } catch (error) {
    await Promise.all(loaded.map(({ model }) => model[Symbol.asyncDispose]()))
    throw error
  }
  const atOnce = context.thread === 'own'
  return ensembleModel({ digest: weights.digest, members: loaded, combine: content.combine, atOnce })
}
/** Loads an ensemble as above, and other weights as one model. */
export async function loadModelOrEnsemble<I>(
  weights: WeightsDirectory,
  { model, loaderOf }: { readonly model: Pick<Trainer<I, never>, 'load'>; readonly loaderOf: LoaderOf<I> },
  context: LoadContext,
): Promise<Model<I>> {
  const config = await readSmallJson(join(weights.path, ensembleFile))
  const isEnsemble = typeof config !== 'string' && config['architecture'] === 'ensemble'
  return isEnsemble ? loadEnsemble(weights, loaderOf, context) : model.load(weights, context)
}

async function loadMember<I>(
  { name, share, weights: expected }: EnsembleFile['members'][number],
  { weights, loaderOf }: { readonly weights: WeightsDirectory; readonly loaderOf: LoaderOf<I> },
  context: LoadContext,
): Promise<MemberModel<I>> {
  const corrupt = (fact: string) =>
    new SheikhError(
      'artifact-corrupt',
      `Cannot load the ensemble: ${fact}. Load the weights with the trainer that made them.`,
      { facts: { member: name } },
    )
  const loader = loaderOf(name)
  if (loader === undefined) throw corrupt(`it has a member "${name}", which this trainer does not have`)
  const read = await rereadWeightsDirectory(memberFolder(weights.path, name), context)
  if (read.digest !== expected) throw corrupt(`the files of the member "${name}" are not those that were trained`)
  try {
    return { name, share, model: await loader.load(read, context) }
  } catch (error) {
    context.signal.throwIfAborted()
    throw ofMember(error, name)
  }
}
