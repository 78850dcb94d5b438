import type { Configuration } from '../config/index.js'
import type { PathChange } from '../git/index.js'
import {
  evaluationPath,
  featuresPath,
  hostConfigurationPaths,
  promptsPath,
  quarantinePath,
  samplesPath,
} from '../layout.js'

/** What a file decides. `other`: no run reads it. */
export type ChangedKind = 'data' | 'evaluation-set' | 'prompts' | 'configuration' | 'gate' | 'code' | 'other'

export interface ChangedFiles {
  readonly kind: ChangedKind
  readonly count: number
  /** The first five, below the repository's root. */
  readonly paths: readonly string[]
}

/** Where the parts of a project are, below the repository's root. */
export interface Layout {
  /** The project's folder; empty if it is the root. */
  readonly project: string
  /** The folders of samples, below the project's folder. */
  readonly samples: readonly string[]
  /** The files of host code, below the repository's root. */
  readonly code: ReadonlySet<string>
}

export function layoutOf(project: string, configurations: readonly Configuration[], code: readonly string[]): Layout {
  const named = configurations.flatMap(({ dataset }) => dataset.samples?.directory ?? [])
  return { project, samples: [...new Set([samplesPath, ...named])], code: new Set(code) }
}

const order: readonly ChangedKind[] = ['data', 'evaluation-set', 'prompts', 'configuration', 'gate', 'code', 'other']
const mostPaths = 5

/** Groups changed files by what they decide. */
export function changedFiles(changes: readonly PathChange[], layout: Layout): readonly ChangedFiles[] {
  const found = new Map<ChangedKind, { count: number; paths: string[] }>()
  for (const { path } of changes) {
    const kind = kindOf(path, layout)
    const files = found.get(kind) ?? { count: 0, paths: [] }
    files.count += 1
    if (files.paths.length < mostPaths) files.paths.push(path)
    found.set(kind, files)
  }
  return order.flatMap((kind) => (found.has(kind) ? [{ kind, ...found.get(kind)! }] : []))
}

export function kindOf(path: string, { project, samples, code }: Layout): ChangedKind {
  if (code.has(path)) return 'code'
  if (project !== '' && !path.startsWith(`${project}/`)) return 'other'
  const below = project === '' ? path : path.slice(project.length + 1)
  const isIn = (folder: string) => below.startsWith(`${folder}/`)
  if (below === evaluationPath) return 'evaluation-set'
  if (below === quarantinePath || below === featuresPath || samples.some(isIn)) return 'data'
  if (isIn(promptsPath)) return 'prompts'
  if (isIn('mlops/validation')) return 'gate'
  if (isIn('mlops') || isIn('dataset')) return 'configuration'
  return hostConfigurationPaths.includes(below) ? 'code' : 'other'
}
