import { isUtf8 } from 'node:buffer'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { callContext, SheikhError } from '../../core/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { commit, knownAuthor, openGit } from '../git/index.js'
import type { RepositoryOptions } from '../opened-project.js'
import { refuseLinks } from '../refuse-links.js'
import { mergeText } from './merge-text.js'
import { choicesPath, notesOf, suffixOf, workflowFacts } from './workflow-facts.js'
import { type WorkflowFile, workflowFiles } from './workflow-texts.js'

export interface WorkflowOptions extends Pick<RepositoryOptions, 'signal' | 'clock' | 'log'> {
  /** The branch that is released from. @default as the last time, else the current branch */
  readonly branch?: string | undefined
  /** The label of the machine that trains, or several with commas: `self-hosted,gpu`. @default as the last time, else 'ubuntu-latest' */
  readonly runner?: string | undefined
  /** Replaces files that cannot be merged. @default false: nothing is written if there is one */
  readonly overwrite?: boolean | undefined
}

/** What `writeWorkflows` did. Paths are relative to the repository's root. */
export interface WrittenWorkflows {
  /** The new commit. Absent if nothing changed. */
  readonly commit?: string | undefined
  readonly added: readonly string[]
  readonly updated: readonly string[]
  /** Files with changes of yours, which were kept, and with changes of the new version. */
  readonly merged: readonly string[]
  /** Files of an earlier configuration that nothing needs any more. */
  readonly removed: readonly string[]
  /** Files that you deleted. They stay deleted. */
  readonly absent: readonly string[]
  /** What the workflows need besides files: one sentence each. */
  readonly notes: readonly string[]
}

/**
 * Writes the GitHub Actions workflows of a project and commits them. A workflow that was edited is merged with the new version.
 *
 * @param directory the project's folder.
 * @throws `invalid-options` if a file cannot be merged: nothing is written then; `invalid-config` for a symbolic link or a
 * configuration that cannot be read; `repository-invalid` if there is no repository, or Git knows no author.
 */
export async function writeWorkflows(directory: string, options: WorkflowOptions = {}): Promise<WrittenWorkflows> {
  const context = callContext(options)
  const git = await openGit(directory, context)
  const author = await knownAuthor(git)
  const facts = await workflowFacts(git, directory, options, context)
  const files = workflowFiles(facts)
  const { project, branch, runner } = facts
  const choices = {
    path: choicesPath(project),
    text: `${JSON.stringify({ project, branch, runner: runner.join(',') }, null, 2)}\n`,
  }
  const managed = files.flatMap(({ path }) => [path, copyOf(path)])
  await refuseLinks(git.root, [...managed, choices.path])

  const { writes, own, ...told } = await changesOf(git.root, files, options.overwrite ?? false)
  const obsolete = await obsoleteFiles(git.root, files, suffixOf(facts))
  // Copies are last: if this is interrupted, the next call still compares with the earlier copies.
  for (const { path, text } of [...writes, choices]) await writeFileAtomic(join(git.root, path), text)
  for (const path of obsolete.paths) await rm(join(git.root, path), { force: true })

  const result = { ...told, removed: obsolete.removed, notes: notesOf(facts) }
  const paths = [...own, ...files.map(({ path }) => copyOf(path)), choices.path, ...obsolete.paths]
  const { changed, deleted } = await git.changes(paths, context)
  if (changed.length + deleted.length === 0) return result
  const verb = told.added.length === files.length ? 'Add' : 'Update'
  const message = `${verb} the workflows${project === '' ? '' : ` of ${project}`}`
  return { ...result, commit: await commit(git, { message, author, paths: [...changed, ...deleted] }, context) }
}

const copies = '.github/sheikh/'
/** Each file as it was written, so that your changes can be told from those of a new version. */
const copyOf = (path: string) => path.replace(/^\.github\//, copies)

/** What has to be written. `own` are the files that then have nothing of yours that is not committed with them. */
async function changesOf(root: string, files: readonly WorkflowFile[], overwrite: boolean) {
  const [added, updated, merged, absent]: [string[], string[], string[], string[]] = [[], [], [], []]
  const [own, conflicts]: [string[], string[]] = [[], []]
  const [texts, copied]: [WorkflowFile[], WorkflowFile[]] = [[], []]
  for (const { path, text } of files) {
    const [mine, base] = await Promise.all([readIfThere(join(root, path)), readIfThere(join(root, copyOf(path)))])
    // Its copy stays as it is: if the file is restored from Git, the copy tells which version it was.
    if (mine === undefined && base !== undefined) {
      absent.push(path)
      continue
    }
    if (base !== text) copied.push({ path: copyOf(path), text })
    const next = nextText({ mine, base, text, overwrite })
    if ('conflict' in next) {
      conflicts.push(`${path} (${next.conflict})`)
      continue
    }
    if (next.text === mine && mine !== text) continue
    own.push(path)
    if (next.text === mine) continue
    texts.push({ path, text: next.text })
    if (mine === undefined) added.push(path)
    else if (next.text === text) updated.push(path)
    else merged.push(path)
  }
  if (conflicts.length > 0)
    throw new SheikhError(
      'invalid-options',
      `Cannot write the workflows: your changes do not fit the new version in ${conflicts.join(', ')}. Nothing was written. Take the new version with --overwrite and make your changes again, or rename your file.`,
      { facts: { paths: conflicts } },
    )
  return { writes: [...texts, ...copied], own, added, updated, merged, absent }
}

function nextText({
  mine,
  base,
  text,
  overwrite,
}: {
  readonly mine: string | undefined
  readonly base: string | undefined
  readonly text: string
  readonly overwrite: boolean
}): { readonly text: string } | { readonly conflict: string } {
  if (mine === undefined || mine === text) return { text }
  if (base === undefined) return overwrite ? { text } : { conflict: 'not written by sheikh init' }
  const result = mergeText(mine, base, text)
  if ('text' in result) return result
  const lines = result.conflictLines
  const named = `line${lines.length === 1 ? '' : 's'} ${lines.slice(0, 5).join(', ')}${lines.length > 5 ? ', …' : ''}`
  return overwrite ? { text } : { conflict: named }
}

/** Files that an earlier configuration needed. One that was edited is kept; its copy is not. */
async function obsoleteFiles(root: string, files: readonly WorkflowFile[], suffix: string) {
  const current = new Set(files.map(({ path }) => path))
  const [paths, removed]: [string[], string[]] = [[], []]
  for (const name of await readdir(join(root, copies, 'workflows')).catch(() => [])) {
    const path = `.github/workflows/${name}`
    if (!isOfProject(name, suffix) || current.has(path)) continue
    paths.push(copyOf(path))
    const [mine, base] = await Promise.all([readIfThere(join(root, path)), readIfThere(join(root, copyOf(path)))])
    if (mine === undefined || unixLines(mine) !== unixLines(base)) continue
    paths.push(path)
    removed.push(path)
  }
  return { paths, removed }
}

// The names of workflows have no "-": what follows one is the project.
const isOfProject = (name: string, suffix: string) => name.replace(/^[a-z]+/, '') === `${suffix}.yml`

/** A checkout may have other line ends than what was written. */
const unixLines = (text: string | undefined) => text?.replaceAll('\r\n', '\n')

/** @throws `invalid-config` for other bytes than UTF-8: they would be lost when the file is written again. */
async function readIfThere(path: string): Promise<string | undefined> {
  let content: Buffer
  try {
    content = await readFile(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
  if (isUtf8(content)) return content.toString('utf8')
  throw new SheikhError(
    'invalid-config',
    `Cannot write the workflows: "${path}" is not UTF-8. Nothing was written. Convert the file to UTF-8.`,
    { facts: { file: path } },
  )
}
