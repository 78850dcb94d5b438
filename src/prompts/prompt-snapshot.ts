import {
  type Digest,
  digest,
  finite,
  fits,
  type Json,
  list,
  nullable,
  object,
  optional,
  type Shape,
  text,
  word,
} from '../core/index.js'
import { distributionShape, type TokenDistribution } from '../dataset/index.js'
import { type PromptChoice, promptChoices } from './choose-prompts.js'

/** The name of the stage in records. */
export const promptStageName = 'render-prompts'

/** How a few samples look after rendering. JSON. Contains ids, lengths and digests, and no text of samples. */
export interface PromptSnapshot {
  readonly formatVersion: 1
  readonly template: { readonly path: string; readonly digest: Digest }
  /** The template of the current release. Absent without a release that has the template. */
  readonly released?: { readonly version: string; readonly digest: Digest } | undefined
  /** Number of rendered samples, and their lengths in UTF-16 code units. */
  readonly rows: number
  readonly characters: TokenDistribution
  readonly samples: readonly SnapshotSample[]
  /** The digest of the texts (`PromptTexts`) in the store. */
  readonly texts: Digest
}

export interface SnapshotSample {
  readonly id: string
  readonly choice: PromptChoice
  readonly characters: number
  readonly digest: Digest
  /** The same sample by the released template, if that differs. `null`: it cannot be rendered by it. Absent: not known. */
  readonly before?: { readonly characters: number; readonly digest: Digest } | null | undefined
}

/** The texts of a snapshot, by the id of the sample, with secrets hidden. */
export type PromptTexts = readonly {
  readonly id: string
  readonly text: string
  readonly before?: string | undefined
}[]

const snapshotShape = object({
  formatVersion: word(1),
  template: object({ path: text, digest }),
  released: optional(object({ version: text, digest })),
  rows: finite,
  characters: distributionShape,
  samples: list(
    object({
      id: text,
      choice: word(...promptChoices),
      characters: finite,
      digest,
      before: optional(nullable(object({ characters: finite, digest }))),
    }),
  ),
  texts: digest,
}) as unknown as Shape<PromptSnapshot>
const textsShape = list(object({ id: text, text, before: optional(text) })) as unknown as Shape<PromptTexts>

/** The texts, if a value is a list of them. */
export const toPromptTexts = (value: unknown): PromptTexts | undefined => (fits(textsShape, value) ? value : undefined)

/** The snapshot that a run recorded. */
export function promptSnapshotOf({
  stages,
}: {
  readonly stages: readonly { readonly name: string; readonly value?: Json | undefined }[]
}): PromptSnapshot | undefined {
  const value = stages.find(({ name }) => name === promptStageName)?.value
  return fits(snapshotShape, value) ? value : undefined
}
