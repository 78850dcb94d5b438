import { existsSync } from 'node:fs'
import { lstat, mkdir, readdir, readFile, realpath, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, posix, relative, resolve } from 'node:path'
import { type CallContext, callContext, plainPath, SheikhError } from '../../core/index.js'
import { formatPinnedSet, proposePinnedSet } from '../../dataset/index.js'
import { isTemporaryName, writeFileAtomic } from '../../store/index.js'
import { datasetOf, filesOnly } from '../compose.js'
import { loadConfiguration } from '../config/index.js'
import { belowRoot, commit, type Git, initGitRepository, isInRepository, knownAuthor, openGit } from '../git/index.js'
import { evaluationPath, hostConfigurationPaths, pipelineFile, samplesPath } from '../layout.js'
import type { RepositoryOptions } from '../opened-project.js'
import { refuseLinks } from '../refuse-links.js'
import {
  generatedSalt,
  generatedShare,
  type LayoutFile,
  layoutFiles,
  sampleFilesOfInit,
  samplesKeepFile,
} from './layout-files.js'
import { type ProjectTemplate, projectTemplates } from './templates.js'

const ignoreFile = '.gitignore'
const configurationFile = 'dataset/config.yaml'

export interface InitOptions extends RepositoryOptions {
  /** What the project trains. @default 'text-classifier' */
  readonly template?: ProjectTemplate | undefined
  /** Generates 200 small samples and pins some of them, so that a run works at once. Not if the folder has samples. @default true */
  readonly samples?: boolean | undefined
  /** @default the folder's name */
  readonly name?: string | undefined
  /** Creates a repository around a folder that contains other files; none of them is committed. @default false */
  readonly here?: boolean | undefined
}

export interface Initialised {
  /** The new commit. Absent if the project had everything. */
  readonly commit?: string | undefined
  /** Files that were created, and `.gitignore` if lines were added to it. Relative to the project's folder. */
  readonly added: readonly string[]
  /** Files and folders of the template that exist with other content, and were not changed. */
  readonly left: readonly string[]
  /** Items in the evaluation set, if it is of generated samples; else 0. */
  readonly pinned: number
}

/**
 * Creates a project and commits it, or adds what a folder lacks to be one: the layout, samples and an evaluation set, in the Git
 * repository of the folder or in a new one. Never changes an existing file, except that it adds lines to `.gitignore`. If it was
 * interrupted, calling it again completes the project.
 *
 * @throws `invalid-options` if a new repository would be created around files without `here`, or a file is in the place of a
 * folder; `repository-invalid` if Git knows no author or ignores the project's files; `invalid-config` for symbolic links.
 */
export function initRepository(directory: string, options: InitOptions = {}): Promise<Initialised> {
  return createProject(directory, options, [])
}

/**
 * As `initRepository`.
 *
 * @param instead files that take the place of those of the template.
 */
export async function createProject(
  directory: string,
  options: InitOptions,
  instead: readonly LayoutFile[],
): Promise<Initialised> {
  const context = callContext(options)
  const root = resolve(plainPath(directory, 'the folder of the project'))
  const { name = basename(root), here = false, template = 'text-classifier' } = options
  checkTemplate(template)
  await refuseFile(root)
  const isNew = !isInRepository(root)
  if (isNew && !here) await refuseToSurround(root)
  const generated = options.samples === false ? undefined : await samplesToGenerate(root, name, template)
  const layout = layoutFiles(name, template, generated !== undefined, schemasBelow(root)).map(
    (file) => instead.find(({ path }) => path === file.path) ?? file,
  )
  const files = [...layout, ...(generated ?? ((await isEmpty(join(root, samplesPath))) ? [samplesKeepFile] : []))]
  await refuseObstacles(root, files)
  await mkdir(root, { recursive: true })
  await initGitRepository(root, context)
  const git = await openGit(root, context)
  const author = await knownAuthor(git).catch(async (error: unknown) => {
    if (isNew) await rm(join(root, '.git'), { recursive: true, force: true })
    throw error
  })

  const { own, added, left } = await addFiles(root, files)
  if (generated === undefined && !(await isEmpty(join(root, samplesPath)))) left.push(samplesPath)
  let pinned = 0
  if (generated !== undefined) {
    const set = await proposedSet(root, context)
    pinned = set.items.length
    const file = await addFiles(root, [{ path: evaluationPath, text: formatPinnedSet(set) }])
    own.push(...file.own)
    added.push(...file.added)
    left.push(...file.left)
  }
  const below = belowRoot(git, await realpath(root))
  const paths = own.map((path) => posix.join(below, path))
  const { changed } = await refuseIgnored(git, paths, context)
  if (changed.length === 0) return { added, left, pinned }
  const verb = left.length === 0 ? 'Start' : 'Complete'
  const oid = await commit(git, { message: `${verb} the project "${name}"`, author, paths: changed }, context)
  return { commit: oid, added, left, pinned }
}

/** Whether a file of the template is as `init` wrote it. */
export async function isAsInitWrote(directory: string, path: string, name: string): Promise<boolean> {
  const text = await readIfThere(join(directory, path))
  const files = layoutFiles(name, 'text-classifier', false, schemasBelow(directory))
  return text !== undefined && text === files.find((file) => file.path === path)?.text
}

/** Whether a folder contains a project: its pipeline, as settings or as code. */
export const isProject = async (directory: string): Promise<boolean> =>
  (await firstPresent(directory, [pipelineFile, ...hostConfigurationPaths])) !== undefined

/** The schemas of the package that a program in the project would load: in the nearest `node_modules` that has it. */
export function schemasBelow(root: string): string {
  const schemas = 'node_modules/sheikh-freemium/dist/schemas'
  for (let up = ''; ; up += '../') {
    const folder = resolve(root, up)
    if (existsSync(join(folder, schemas))) return `${up}${schemas}`
    if (folder === resolve(folder, '..')) return schemas
  }
}

function checkTemplate(template: string): void {
  if ((projectTemplates as readonly string[]).includes(template)) return
  throw new SheikhError(
    'invalid-options',
    `Cannot create a project from the template "${template}": the templates are ${projectTemplates.join(', ')}. Choose one of them.`,
  )
}

/** The generated samples, or `undefined` if the folder has data of its own. A part of the generated ones is an interrupted `init`. */
async function samplesToGenerate(
  root: string,
  name: string,
  template: ProjectTemplate,
): Promise<readonly LayoutFile[] | undefined> {
  const samples = sampleFilesOfInit()
  const configuration = layoutFiles(name, template, true, schemasBelow(root)).find(
    ({ path }) => path === configurationFile,
  )!
  const expected = new Map([...samples, configuration].map(({ path, text }) => [path, text]))
  const present = await filesBelow(root, samplesPath)
  for (const path of [...present, configurationFile]) {
    const text = await readIfThere(join(root, path))
    if (text !== undefined && text !== expected.get(path)) return undefined
  }
  return samples
}

async function filesBelow(root: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
}

// An interrupted write of .gitkeep leaves a temporary file, which is no content either.
const isEmpty = async (folder: string) =>
  (await readdir(folder).catch(() => [])).every((name) => name === '.gitkeep' || isTemporaryName(name))

/** Creates the files that are missing. `own` are the files that are now as the template has them. */
async function addFiles(root: string, files: readonly LayoutFile[]) {
  const [own, added, left]: [string[], string[], string[]] = [[], [], []]
  for (const { path, text } of files) {
    const other = hostConfigurationPaths.includes(path)
      ? await firstPresent(
          root,
          hostConfigurationPaths.filter((name) => name !== path),
        )
      : undefined
    const present = await readIfThere(join(root, path))
    const wanted = path === ignoreFile ? withLines(present ?? '', text) : text
    if (other !== undefined) left.push(other)
    else if (present !== undefined && present !== wanted && path !== ignoreFile) left.push(path)
    else {
      own.push(path)
      if (present === wanted) continue
      added.push(path)
      await removeTemporaries(join(root, dirname(path)), basename(path))
      await writeFileAtomic(join(root, path), wanted)
    }
  }
  return { own, added, left }
}

async function firstPresent(root: string, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await readIfThere(join(root, path))) !== undefined) return path
  return undefined
}

/** Removes what an interrupted write left of a file. */
export async function removeTemporaries(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder).catch(() => []))
    if (isTemporaryName(entry) && entry.startsWith(`.${name}.`)) await rm(join(folder, entry), { force: true })
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

async function refuseFile(root: string): Promise<void> {
  const isFile = await stat(root).then(
    (stats) => !stats.isDirectory(),
    (error: NodeJS.ErrnoException) => error.code === 'ENOTDIR',
  )
  if (!isFile) return
  throw new SheikhError(
    'invalid-options',
    `Cannot create a project in "${root}": it is a file, or below a file. Choose another folder.`,
  )
}

/** A file in the place of a folder, a folder in the place of a file, and links, before anything is written. */
async function refuseObstacles(root: string, files: readonly LayoutFile[]): Promise<void> {
  await refuseLinks(
    root,
    files.map(({ path }) => path),
  )
  const folders = new Set(files.map(({ path }) => dirname(path)))
  for (const [path, isFolder] of [
    ...[...folders].map((folder) => [folder, true] as const),
    ...files.map((file) => [file.path, false] as const),
  ]) {
    const stats = await lstat(join(root, path)).catch(() => undefined)
    if (stats === undefined || stats.isDirectory() === isFolder) continue
    throw new SheikhError(
      'invalid-options',
      `Cannot create a project in "${root}": "${path}" is a ${isFolder ? 'file' : 'folder'}, but a project has a ${isFolder ? 'folder' : 'file'} of this name. Rename it, or choose another folder.`,
      { facts: { paths: [path] } },
    )
  }
}

/** The evaluation set of the generated samples. Does not run sheikh.config.mjs, whose packages need not be installed yet. */
async function proposedSet(root: string, context: CallContext) {
  const dataset = datasetOf(root, await loadConfiguration(root, context), filesOnly(root))
  return proposePinnedSet(await dataset.identities(context), {
    salt: generatedSalt,
    share: generatedShare,
    fields: { input: 'text', target: 'label' },
  })
}

async function refuseToSurround(root: string): Promise<void> {
  // A folder .git without a repository in it is a part of an interrupted `init`.
  const present = (await readdir(root).catch(() => [])).filter((name) => name !== '.git').sort()
  if (present.length === 0) return
  const named = `${present.slice(0, 3).join(', ')}${present.length > 3 ? ', …' : ''}`
  throw new SheikhError(
    'invalid-options',
    `Cannot create a repository in "${root}": the folder is not in a repository and already contains files (${named}). Choose a new folder, or create the repository around these files with: sheikh init --here`,
    { facts: { paths: present.slice(0, 100) } },
  )
}

/** The lines of a file, and those of `text` that it lacks. */
function withLines(present: string, text: string): string {
  const lines = new Set(present.split(/\r?\n/).map((line) => line.trim()))
  const missing = text.split('\n').filter((line) => line !== '' && !lines.has(line))
  const start = present === '' || present.endsWith('\n') ? present : `${present}\n`
  return missing.length === 0 ? present : start + missing.map((line) => `${line}\n`).join('')
}

async function refuseIgnored(git: Git, paths: readonly string[], context: CallContext) {
  const changes = await git.changes(paths, context)
  const { ignored } = changes
  if (ignored.length === 0) return changes
  throw new SheikhError(
    'repository-invalid',
    `Cannot commit the project: Git ignores ${ignored.slice(0, 3).join(', ')}${ignored.length > 3 ? ', …' : ''}. Change the pattern in .gitignore (find it with "git check-ignore -v <file>") and commit.`,
    { facts: { paths: ignored } },
  )
}
