import { existsSync } from 'node:fs'
import { isAbsolute, join, posix } from 'node:path'
import { type CallContext, callContext, isSheikhError } from '../core/index.js'
import { configurationIn } from './compose.js'
import type { ReleaseTarget } from './config/index.js'
import { type Git, openGit } from './git/index.js'
import { hostConfigurationPaths, pipelineFile } from './layout.js'
import type { RepositoryOptions } from './opened-project.js'
import { projectTagFormat } from './release-targets.js'
import { openRepository } from './repository.js'
import type { TriggerDecision, TriggerOptions } from './triggers/index.js'

export interface FindProjectsOptions extends RepositoryOptions, TriggerOptions {
  /** Decides for each project whether a run is needed, and lists only those that need one or have a problem. @default false */
  readonly triggered?: boolean | undefined
}

/** A project of a repository. Plain JSON. */
export interface FoundProject {
  /** The folder relative to the repository's root; `.` for the root. */
  readonly path: string
  /** The name in `mlops/pipeline.yaml`. Absent if the configuration cannot be read. */
  readonly name?: string | undefined
  /** Present if it was asked for and could be made. */
  readonly decision?: TriggerDecision | undefined
  /** Why a run would fail, or which project has the same release target. */
  readonly problem?: string | undefined
}

/**
 * The projects of the repository that a folder is in: the folders of the commit of HEAD with `mlops/pipeline.yaml` or
 * `sheikh.config.*`, by path.
 *
 * @throws `repository-invalid` if the folder is in no Git repository; `invalid-options` for a schedule that no project has.
 */
export async function findProjects(
  directory: string,
  { triggered = false, schedule, ...options }: FindProjectsOptions = {},
): Promise<readonly FoundProject[]> {
  const context = callContext(options)
  const git = await openGit(directory, context)
  const found = await projectsOf(git, context)
  if (!triggered) return found.map(({ targets: _, ...project }) => project)
  const unknown: unknown[] = []
  const decided: FoundProject[] = []
  for (const { targets: _, ...project } of found) {
    const repository = async () => openRepository(join(git.root, project.path), options)
    try {
      const decision = await (await repository()).triggered({ schedule }).catch(async (error: unknown) => {
        // Another project's schedule: this one may have changes that wait.
        if (schedule === undefined || !isSheikhError(error, 'invalid-options')) throw error
        unknown.push(error)
        return (await repository()).triggered()
      })
      decided.push({ ...project, decision })
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isSheikhError(error)) throw error
      decided.push({ ...project, problem: error.message })
    }
  }
  if (unknown.length > 0 && unknown.length === found.length) throw unknown[0]
  return decided.filter(({ decision, problem }) => decision?.action === 'run' || problem !== undefined)
}

const markers = [pipelineFile, ...hostConfigurationPaths]

async function projectsOf(git: Git, context: CallContext) {
  const head = await git.head()
  const files = head === undefined ? [] : [...(await git.tree(head.oid)).keys()]
  const folders = files.flatMap((file) => {
    const marker = markers.find((name) => file === name || file.endsWith(`/${name}`))
    return marker === undefined || !existsSync(join(git.root, file)) ? [] : [file.slice(0, -marker.length - 1)]
  })
  const projects: (FoundProject & { readonly targets: readonly string[] })[] = []
  for (const folder of [...new Set(folders)].sort()) {
    const path = folder === '' ? '.' : folder
    try {
      const { pipeline, release } = await configurationIn(join(git.root, folder), context)
      const targets = release.targets.map((target) => placeOf(target, folder))
      const other = projects.find((earlier) => earlier.targets.some((target) => targets.includes(target)))
      const problem = `Its releases go to the same place as those of "${other?.path}". Give each project its own release target, or its own tag_format on GitHub.`
      projects.push({ path, name: pipeline.name, targets, ...(other !== undefined && { problem }) })
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isSheikhError(error)) throw error
      projects.push({ path, targets: [], problem: error.message })
    }
  }
  return projects
}

/** Equal if two projects would see each other's releases. */
function placeOf(target: ReleaseTarget, project: string): string {
  switch (target.kind) {
    case 'directory':
      return `directory ${isAbsolute(target.path) ? target.path : posix.join(project, target.path)}`
    case 'huggingface':
      return `hub ${target.repository}`
    case 's3':
      return `s3 ${target.endpoint ?? ''} ${target.address}`
    case 'github':
      return `github ${target.repository ?? 'origin'} ${target.tagFormat ?? projectTagFormat(project)}`
  }
}
