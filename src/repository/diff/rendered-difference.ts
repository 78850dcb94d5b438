import { type CallContext, type Digest, digestBytes, isSheikhError } from '../../core/index.js'
import type { DatasetContents, ProjectionPass } from '../../dataset/index.js'
import { keepBest, prompt, type RenderLimits, rankOfId } from '../../prompts/index.js'

/** What a changed template does to the samples of the newer state. JSON. */
export interface RenderedDifference {
  /** Number of samples that both templates were rendered for. */
  readonly samples: number
  /** Number of samples with another text. */
  readonly changed: number
  /** Up to five samples with another text, by the hashes of their ids: the same ones as long as they exist. */
  readonly examples: readonly PromptExample[]
}

export interface PromptExample {
  readonly id: string
  readonly before: RenderedText
  readonly after: RenderedText
}

export interface RenderedText {
  /** UTF-16 code units. */
  readonly characters: number
  readonly digest: Digest
  /** Absent without `includeText`. */
  readonly text?: string | undefined
}

const mostExamples = 5
const samplesPerBatch = 256

export interface RenderedBy {
  /** The project's folders in both states. */
  readonly roots: readonly [before: string, after: string]
  /** The template below them. */
  readonly path: string
  readonly limits: Partial<RenderLimits> | undefined
  readonly includeText: boolean
}

/**
 * Renders all samples by both states of a template.
 *
 * @returns `undefined` if a template cannot be rendered with the fields of the samples: a host fills it with other variables.
 */
export async function renderedDifference(
  { roots, path, limits, includeText }: RenderedBy,
  contents: DatasetContents,
  context: CallContext,
): Promise<RenderedDifference | undefined> {
  const passes: ProjectionPass<object, string>[] = []
  const examples = keepBest<PromptExample & { readonly order: number; readonly rank: bigint }>(mostExamples)
  const describe = (text: string): RenderedText => ({
    ...{ characters: text.length, digest: digestBytes(text) },
    ...(includeText && { text }),
  })
  let [samples, changed] = [0, 0]
  const compare = async (batch: readonly { readonly id: string; readonly sample: object }[]) => {
    const places = batch.map(({ id }) => ({ path: '', position: '', id }))
    const texts: (readonly string[])[] = []
    for (const pass of passes)
      texts.push(
        await pass.projectAll(
          batch.map(({ sample }) => sample),
          places,
        ),
      )
    for (const [index, { id }] of batch.entries()) {
      const [before, after] = [texts[0]![index]!, texts[1]![index]!]
      samples += 1
      if (before === after) continue
      changed += 1
      examples.add({ id, before: describe(before), after: describe(after), order: 0, rank: rankOfId(id) })
    }
  }
  try {
    for (const directory of roots) {
      const projection = prompt(path, { directory, limits, mayBeConstant: true })
      await projection.load!(context)
      passes.push(projection.openPass!(context))
    }
    let batch: { id: string; sample: object }[] = []
    for await (const { row, sample } of contents.withSamples()) {
      if (typeof sample !== 'object' || sample === null) return undefined
      batch.push({ id: row.id, sample })
      if (batch.length < samplesPerBatch) continue
      await compare(batch)
      batch = []
    }
    await compare(batch)
    return { samples, changed, examples: examples.kept.map(({ order: _, rank: __, ...example }) => example) }
  } catch (error) {
    if (isSheikhError(error, 'template-invalid')) return undefined
    throw error
  } finally {
    for (const pass of passes) pass.close()
  }
}
