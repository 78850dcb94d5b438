import { realpath } from 'node:fs/promises'
import { basename, dirname, join, posix } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import { readTextFile, writeFileAtomic } from '../../store/index.js'
import { belowRoot, commit, isInRepository, openGit } from '../git/index.js'
import { createProject, isAsInitWrote, removeTemporaries } from '../init/init-repository.js'
import { featuresPath, pipelineFile, samplesPath } from '../layout.js'
import type { RepositoryOptions } from '../opened-project.js'
import { refuseLinks } from '../refuse-links.js'
import type { ImportPlace } from './import-place.js'
import type { DataImportPlan } from './plan.js'

/** What an import wrote. */
export interface ImportedData {
  /** Files that were created or completed, below the project's folder. */
  readonly written: readonly string[]
  readonly samples: number
  /** Items of the evaluation set that the import pinned; 0 if the project had one. */
  readonly pinned: number
  /** The new commit. Absent if all files were there and committed already. */
  readonly commit?: string | undefined
}

/** Writes the files of a plan and commits them. */
export async function applyImport(
  {
    place,
    plan,
    files,
    replaces,
  }: {
    readonly place: ImportPlace
    readonly plan: DataImportPlan
    readonly files: ReadonlyMap<string, string>
    readonly replaces?: string | undefined
  },
  options: RepositoryOptions,
  context: CallContext,
): Promise<ImportedData> {
  const { root, name } = place
  if (plan.problems.length > 0)
    throw new SheikhError(
      'dataset-invalid',
      `Cannot import ${JSON.stringify(plan.source)}: ${plan.problems.join(' ')}`,
      {
        facts: { problems: plan.problems },
      },
    )
  const paths = [...files.keys()]
  await refuseLinks(root, paths)
  const written: string[] = []
  for (const [path, state] of await statesOf(place, files, replaces)) {
    if (state === 'occupied')
      throw new SheikhError('invalid-options', `Cannot import the data: ${occupiedBy(path)}`, { facts: { path } })
    if (state === 'missing') written.push(path)
  }
  if (place.isNew || (place.ownsSettings && (await isUnfinished(root, context)))) {
    const instead = [...files].map(([path, text]) => ({ path, text }))
    await createProject(root, { ...options, samples: false, here: true, name }, [...instead, promptOf(plan)])
  }
  // Features and samples first and the evaluation set last, so that an interrupted import is completed by the next one.
  for (const [path, text] of files) {
    context.signal.throwIfAborted()
    if ((await readTextFile(join(root, path))) === text) continue
    await removeTemporaries(join(root, dirname(path)), basename(path))
    await writeFileAtomic(join(root, path), text)
  }
  const git = await openGit(root, context)
  const below = belowRoot(git, await realpath(root))
  const changes = await git.changes(
    paths.map((path) => posix.join(below, path)),
    context,
  )
  if (changes.ignored.length > 0)
    throw new SheikhError(
      'repository-invalid',
      `Cannot commit the imported data: Git ignores ${changes.ignored.slice(0, 3).join(', ')}. Change the pattern in .gitignore and commit.`,
      { facts: { paths: changes.ignored } },
    )
  const message = `Import ${plan.samples} samples from ${basename(plan.source)}`
  const oid = changes.changed.length === 0 ? undefined : await commit(git, { message, paths: changes.changed }, context)
  return {
    ...{ written, samples: plan.samples, pinned: plan.split.kind === 'pinned' ? plan.split.evaluation : 0 },
    commit: oid,
  }
}

/**
 * Whether each file is `written` already, `missing` (or as `sheikh init` wrote it), or its name is `occupied` by a file that an
 * import does not replace.
 *
 * @param replaces the text of the file of features that the import was planned with.
 */
export async function statesOf(
  { root, name }: ImportPlace,
  files: ReadonlyMap<string, string>,
  replaces?: string | undefined,
): Promise<ReadonlyMap<string, 'written' | 'missing' | 'occupied'>> {
  const states = new Map<string, 'written' | 'missing' | 'occupied'>()
  for (const [path, text] of files) {
    const present = await readTextFile(join(root, path))
    const isCompleted = path === featuresPath && present === replaces
    const isFree = present === undefined || isCompleted || (await isAsInitWrote(root, path, name))
    states.set(path, present === text ? 'written' : isFree ? 'missing' : 'occupied')
  }
  return states
}

export const occupiedBy = (path: string): string =>
  path === featuresPath
    ? `The file "${path}" was changed by somebody else. Import again.`
    : `The file "${path}" exists and has other content. Import into another folder: --to ${samplesPath}/<category>`

/** Whether `createProject` was interrupted: the project's main file is in no commit. */
async function isUnfinished(root: string, context: CallContext): Promise<boolean> {
  if (!isInRepository(root)) return true
  const git = await openGit(root, context)
  const path = posix.join(belowRoot(git, await realpath(root)), pipelineFile)
  return (await git.changes([path], context)).changed.length > 0
}

/** The inference prompt of a new project, with the field of its samples. */
function promptOf({ projection }: DataImportPlan) {
  const { field } = projection.input
  const isName = /^[A-Za-z_]\w*$/.test(field)
  return {
    path: 'prompts/inference/classify.txt',
    text: `Which label has this text?\n${isName ? `\n{{ ${field} }}\n` : ''}`,
  }
}
