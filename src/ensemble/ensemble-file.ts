// What the members of an ensemble are: config.json of its weights, with each member's files in members/<name>/, or ensemble.json beside
// the averaged weights.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Digest,
  digest,
  finite,
  fits,
  type Json,
  json,
  nonEmptyList,
  object,
  optional,
  type Shape,
  SheikhError,
  shapeOf,
  text,
  word,
} from '../core/index.js'
import { readSmallJson, type WeightsDirectory } from '../model/index.js'
import { isName } from '../store/index.js'
import type { Combination } from './combine.js'

export const ensembleFile = 'config.json'
/** Names the members beside averaged weights. */
export const fileOfAverage = 'ensemble.json'

const ensembleShape = object({
  architecture: word('ensemble'),
  formatVersion: word(1),
  combine: word('mean', 'vote'),
  members: nonEmptyList(
    object({
      name: shapeOf((value): value is string => typeof value === 'string' && isName(value)),
      share: finite,
      trainer: object({ name: text, version: optional(text) }),
      weights: digest,
    }),
  ),
  /** How members were chosen; absent if all take part. */
  tests: optional(json),
})
export type EnsembleFile = typeof ensembleShape extends Shape<infer T> ? T : never

/** As it is written. */
export type EnsembleContent = Omit<EnsembleFile, 'combine'> & {
  readonly combine: Combination
  /** The digest of the weights from which all members were fine-tuned, if weights are averaged. */
  readonly base?: Digest
}

export const membersFolder = 'members'
export const memberFolder = (folder: string, name: string) => join(folder, membersFolder, name)

export async function writeEnsembleFile(folder: string, content: EnsembleContent): Promise<void> {
  const name = content.combine === 'weights' ? fileOfAverage : ensembleFile
  await writeFile(join(folder, name), `${JSON.stringify(content as unknown as Json, null, 2)}\n`)
}

/** @throws `artifact-corrupt` for weights that are not an ensemble. */
export async function readEnsembleFile({ path }: WeightsDirectory): Promise<EnsembleFile> {
  const content = await readSmallJson(join(path, ensembleFile))
  const isWhole =
    fits(ensembleShape, content) &&
    content.members.every(({ share }) => share > 0) &&
    new Set(content.members.map(({ name }) => name)).size === content.members.length
  if (isWhole) return content
  const fact = typeof content === 'string' ? `${ensembleFile} ${content}` : `${ensembleFile} does not describe one`
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot load the ensemble: ${fact}. Load the weights with the trainer that made them.`,
    { facts: { path } },
  )
}
