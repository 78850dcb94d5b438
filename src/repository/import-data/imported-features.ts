import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import {
  type FeatureJoin,
  formatSnapshot,
  joinFeatures,
  type LargeFiles,
  type LoadedSnapshot,
  loadSnapshot,
  type SnapshotLine,
  type Source,
} from '../../dataset/index.js'
import { readTextFile, temporaryFolder } from '../../store/index.js'
import { resolvedViews } from '../features.js'
import { featuresPath } from '../layout.js'

/** The features of a project after an import, as a file that datasets can read before anything is written. */
export interface ImportedFeatures extends AsyncDisposable {
  /** A temporary file with `text`. */
  readonly path: string
  readonly text: string
  /** The text of the project's file, which `text` replaces. Absent: there is no file. */
  readonly replaces: string | undefined
}

/**
 * Joins samples to their features. Samples that the project's file knows keep its values, as the models of the project learned
 * from them, although the feature store may say something else now.
 *
 * @param source the samples of the project and the new ones.
 * @throws as `joinFeatures`; `dataset-invalid` if the project's file was joined by other settings, or has other features.
 */
export async function importedFeatures(
  root: string,
  given: FeatureJoin,
  source: Source,
  context: CallContext & { readonly largeFiles: LargeFiles },
): Promise<ImportedFeatures> {
  const { text } = await joinFeatures(source, resolvedViews(root, given), context)
  const folder = await temporaryFolder('sheikh-features-')
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const replaces = await readTextFile(pathIn(root))
    const path = `${folder}/features.jsonl`
    await writeFile(path, text)
    const merged =
      replaces === undefined ? text : merge(await loadSnapshot(pathIn(root), context), await loadSnapshot(path), given)
    if (merged !== text) await writeFile(path, merged)
    return { path, text: merged, replaces, [Symbol.asyncDispose]: remove }
  } catch (error) {
    await remove()
    throw error
  }
}

const pathIn = (root: string) => join(root, featuresPath)

/** The lines of the project's file, and those of new entities and times. */
function merge(before: LoadedSnapshot, now: LoadedSnapshot, given: FeatureJoin): string {
  const refuse = (fact: string) =>
    new SheikhError(
      'dataset-invalid',
      `Cannot add features of new samples to ${JSON.stringify(featuresPath)}: ${fact}. Update the file first with: sheikh data features`,
      { facts: { path: featuresPath } },
    )
  if (before.header.settings !== now.header.settings) throw refuse('it was joined by other settings')
  const features = now.header.features.map(({ name, type }, at) => {
    const earlier = before.header.features[at]
    if (earlier?.name !== name || before.header.features.length !== now.header.features.length)
      throw refuse('it has other features')
    // A type is null if there is no value.
    if (earlier.type === 'null' || type === 'null' || earlier.type === type)
      return { name, type: type === 'null' ? earlier.type : type }
    throw refuse(`the type of "${name}" was ${earlier.type}, and is ${type}`)
  })
  const lines: SnapshotLine[] = [...before.lines()]
  for (const line of now.lines()) if (before.find(line.key) === undefined) lines.push(line)
  return formatSnapshot({ given, entities: now.header.entities }, features, lines)
}
