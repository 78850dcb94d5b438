import { existsSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { CallContext } from '../core/index.js'
import { namedFilesIn } from '../dataset/index.js'
import type { Provenance } from '../pipeline/index.js'
import { loadPrompts } from '../prompts/index.js'
import type { DocumentStore } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import type { Composition } from './compose.js'
import { type Configuration, type HostModules, hostModules } from './config/index.js'
import { belowRoot, type Git } from './git/index.js'
import {
  evaluationPath,
  featuresPath,
  filesPath,
  hostConfigurationPaths,
  promptsPath,
  quarantinePath,
  readPaths,
  samplesPath,
  trainingFile,
  trustedKeysPath,
} from './layout.js'

interface Project {
  readonly git: Git
  /** The project's folder. */
  readonly root: string
}

/** The commit that a run's files come from, and the files that are not in it. */
export async function provenanceOf(
  { git, root }: Project,
  composition: Pick<Composition, 'configuration' | 'samples' | 'source' | 'trainerFiles'>,
  context: CallContext,
  cache?: DocumentStore | undefined,
): Promise<Provenance> {
  const { trainerFiles } = composition
  const modules = await codeOf({ git, root }, { files: trainerFiles })
  const below = (path: string) => belowRoot(git, resolve(root, path))
  const paths = pathsRead({ git, root }, composition, modules)
  // What lies outside of the repository is in none of its commits.
  const outside = modules.files.map(below).filter((path) => path.startsWith('../'))
  const [head, changes] = await Promise.all([git.head(), git.changes(paths, context, cache)])
  // Reading all samples takes time, and a hidden file such as .DS_Store is often ignored.
  const mayNameIgnored = changes.ignored.some(
    (path) => path.startsWith(`${below(filesPath)}/`) && !/(^|\/)\.[^/]*\/?$/.test(path),
  )
  const ignored =
    changes.ignored.length === 0
      ? []
      : within(
          changes.ignored,
          (await filesRead({ git, root }, composition, { modules: modules.files, mayNameIgnored }, context)).map(below),
        )
  return {
    commit: head?.oid,
    dirtyPaths: [...changes.changed, ...changes.deleted, ...outside, ...ignored, ...changes.absent],
    ignoredPaths: ignored,
    absentPaths: changes.absent,
  }
}

/** The files and folders of a project that a run reads: the layout's, and those that the configuration names elsewhere. */
export function committedPaths(
  { git, root }: Project,
  configuration: Configuration | undefined,
  { files, workspaceFiles }: HostModules,
): readonly string[] {
  const schema = configuration?.dataset.schemaPath
  const named = [
    ...[schema, configuration?.dataset.samples?.directory].flatMap((path) =>
      path === undefined ? [] : [resolve(root, path)],
    ),
    ...files,
    ...workspaceFiles,
  ]
  return withoutNested([
    ...readPaths(belowRoot(git, root)),
    ...named.map((path) => belowRoot(git, path)).filter((path) => !path.startsWith('../')),
  ])
}

/** What a run reads beside the folders of the layout, below the repository's root: files of code, and the folder of the samples. */
export async function readElsewhere(
  { git, root }: Project,
  { configuration, source, trainerFiles }: Pick<Composition, 'configuration' | 'source' | 'trainerFiles'>,
): Promise<{ readonly code: readonly string[]; readonly data: readonly string[] }> {
  const { files, workspaceFiles } = await codeOf({ git, root }, { files: trainerFiles })
  const inside = (paths: readonly string[]) =>
    paths.map((path) => belowRoot(git, path)).filter((path) => path !== '' && !path.startsWith('../'))
  const { directory = samplesPath } = configuration.dataset.samples ?? {}
  const folder = source === undefined ? directory : source.location
  const isInLayout = source === undefined && directory.startsWith('dataset/')
  const location = folder === undefined || isInLayout ? [] : [resolve(root, folder)]
  return { code: inside([...files, ...workspaceFiles]), data: inside(location) }
}

/** `committedPaths`, and where the host's own source reads, if that is in the repository. */
export function pathsRead(
  { git, root }: Project,
  { configuration, source }: Pick<Composition, 'configuration' | 'source'>,
  modules: HostModules,
): readonly string[] {
  const elsewhere = source?.location === undefined ? [] : [belowRoot(git, resolve(root, source.location))]
  return withoutNested([
    ...committedPaths({ git, root }, configuration, modules),
    ...elsewhere.filter((path) => !path.startsWith('../')),
  ])
}

/** The code that decides a run: the modules of the host's configuration, and the files that its trainer reads. */
export async function codeOf(
  { git, root }: Project,
  trainer?: Pick<Trainer<never, never>, 'files'>,
): Promise<HostModules> {
  const modules = await hostModules(root, git.root)
  return { ...modules, files: [...modules.files, ...(await programFiles(git, trainer))] }
}

/** The files of the repository that a trainer reads. A program outside is one of this machine, as an interpreter is. */
async function programFiles(git: Git, trainer: Pick<Trainer<never, never>, 'files'> = {}): Promise<readonly string[]> {
  // Git's root is written without links.
  const files = await Promise.all((trainer.files?.() ?? []).map((path) => realpath(path)))
  return files.filter((path) => !belowRoot(git, path).startsWith('../'))
}

/** With `/`, from the repository's root; begins with `../` outside of it. */

function withoutNested(paths: readonly string[]): readonly string[] {
  const unique = [...new Set(paths)]
  return unique.filter((path) => !unique.some((other) => path.startsWith(`${other}/`)))
}

/** The files that a run opens; those that lie beside them are none of its business. */
async function filesRead(
  { root }: Project,
  { configuration, samples }: Pick<Composition, 'configuration' | 'samples'>,
  { modules, mayNameIgnored }: { readonly modules: readonly string[]; readonly mayNameIgnored: boolean },
  context: CallContext,
): Promise<readonly string[]> {
  const { schemaPath } = configuration.dataset
  const named = [
    'dataset/config.yaml',
    evaluationPath,
    quarantinePath,
    featuresPath,
    'mlops/pipeline.yaml',
    trainingFile,
    trustedKeysPath,
  ]
  const schemas = schemaPath === undefined ? [] : [schemaPath]
  const rules = (await readdir(join(root, 'mlops/validation')).catch(() => []))
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => `mlops/validation/${name}`)
  // Samples or prompts that cannot be read are an error of their own, wherever they lie.
  const prompts = await loadPrompts(join(root, promptsPath), context).catch(() => undefined)
  const location = await realpath(samples.location ?? root).catch(() => root)
  const entries = samples.location === undefined ? [] : await samples.list(context).catch(() => [])
  const { files: fields } = configuration.dataset
  const files =
    fields === undefined || !mayNameIgnored ? [] : await namedFilesIn(samples, fields, context).catch(() => [])
  return [
    ...[...named, ...schemas, ...rules, ...hostConfigurationPaths].map((path) => join(root, path)),
    ...(prompts?.files ?? []).map(({ path }) => join(root, promptsPath, path)),
    ...entries.map(({ path }) => join(location, path)),
    ...files.map((path) => join(root, filesPath, path)),
    ...modules,
  ].filter((path) => existsSync(path))
}

/** The files that Git ignores: by name, or with their folder. */
function within(ignored: readonly string[], files: readonly string[]): readonly string[] {
  const names = new Set(ignored)
  const folders = ignored.filter((path) => path.endsWith('/'))
  return files.filter((path) => names.has(path) || folders.some((folder) => path.startsWith(folder)))
}
