import type { ErrorCode, SheikhError } from '../../core/index.js'
import { type DatasetIssue, issuesOf, qualityWarnings } from '../../dataset/index.js'
import { changesNothing, type ProjectDiff } from '../diff/index.js'
import type { Inspection } from '../inspect-project.js'
import type { AfterMerge } from './after-merge.js'
import { qualitySentence, qualityVerdict, type ReviewQuality } from './quality.js'

/** What a change, such as a pull request, does to a project. JSON. Contains no text of samples. */
export interface Review {
  readonly formatVersion: 1
  /** The reviewed commit. */
  readonly head: string
  /** The commit that it was compared with. */
  readonly base: string
  /**
   * `pass`: nothing that a run reads differs, or quality was measured and the base's gate lets it through. `fail`: a run would end
   * with an error, or quality is proven to be worse. `inconclusive`: data and settings are valid, and the run after the merge
   * decides about quality.
   */
  readonly verdict: 'pass' | 'fail' | 'inconclusive'
  /** One or more sentences, the most important first. */
  readonly summary: string
  readonly problems: readonly ReviewProblem[]
  /** What `check_data_quality` warns about: one per kind of finding. */
  readonly warnings: readonly ReviewWarning[]
  /** What a run needs and this machine lacks: one sentence each. */
  readonly missing: readonly string[]
  /** Settings without effect: one sentence each, with file and line. */
  readonly notices: readonly string[]
  readonly diff: ProjectDiff
  /** Absent if nothing was trained: not asked for, not necessary, or not possible because of `problems`. */
  readonly quality?: ReviewQuality | undefined
  /** Absent: a run would end with an error, or the branch lacks commits of the base, so that the merge has another content. */
  readonly afterMerge?: AfterMerge | undefined
}

/** An error that a run would end with. */
export interface ReviewProblem {
  readonly code: ErrorCode
  readonly message: string
  /** Where to correct it. */
  readonly places: readonly ReviewPlace[]
}

/** What a run warns about. */
export interface ReviewWarning {
  readonly message: string
  readonly places: readonly ReviewPlace[]
}

export interface ReviewPlace {
  /** Relative to the repository's root. */
  readonly path: string
  /** From 1. Absent for the whole file. */
  readonly line?: number | undefined
  /** From 1. */
  readonly column?: number | undefined
  readonly message: string
}

/** Judges a change by what was found in the newer state and by what differs. */
export function reviewOf(
  { head, base, quality, afterMerge }: Pick<Review, 'head' | 'base' | 'quality' | 'afterMerge'>,
  { problems, missing, notices, quality: data }: Pick<Inspection, 'problems' | 'missing' | 'notices' | 'quality'>,
  diff: ProjectDiff,
  { isCodeChanged, isWhole, ...folders }: Circumstances,
): Review {
  const verdict =
    problems.length > 0 ? 'fail' : changesNothing(diff) ? 'pass' : quality ? qualityVerdict(quality) : 'inconclusive'
  return {
    formatVersion: 1,
    ...{ head, base, verdict },
    summary: [
      ...(isWhole ? [] : ['The branch lacks commits of the base, which count as undone here; merge the base first.']),
      ...attention(diff, isCodeChanged),
      withOutlook(conclusion(verdict, problems, quality), { verdict, diff, afterMerge }),
    ].join(' '),
    problems: problems.map((problem) => ({
      code: problem.code,
      message: problem.message,
      places: placesOf(problem, folders),
    })),
    warnings: (data === undefined ? [] : qualityWarnings(data)).map(({ message, issues }) => ({
      message,
      places: issues.map((issue) => samplePlace(issue, folders)),
    })),
    missing: missing.map(({ message }) => message),
    notices: notices.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`),
    diff,
    ...(quality !== undefined && { quality }),
    ...(afterMerge !== undefined && { afterMerge }),
  }
}

function withOutlook(
  sentence: string,
  { verdict, diff, afterMerge: outlook }: Pick<Review, 'verdict' | 'diff' | 'afterMerge'>,
): string {
  // Nobody should merge what fails.
  if (verdict === 'fail' || outlook === undefined || outlook.summary === '') return sentence
  // The run is about every commit since the last one.
  const cause = changesNothing(diff) && outlook.trigger?.action === 'run' ? 'earlier changes start a run: ' : ''
  return `${sentence.replace(/\.$/, '')}; ${cause}${outlook.summary.replace(/\.$/, '')}.`
}

/** A change of what later candidates are judged by comes before everything else. */
function attention({ gate, evaluation, files }: ProjectDiff, isCodeChanged: boolean): readonly string[] {
  const isSetChanged =
    evaluation !== undefined && evaluation.added.length + evaluation.removed.length + evaluation.changed.length > 0
  return [
    ...(gate.some(({ looser }) => looser) ? ['Loosens the gate.'] : []),
    ...(isSetChanged ? ['Changes the evaluation set.'] : []),
    ...(isCodeChanged || files.some(({ path }) => path.startsWith('sheikh.config.'))
      ? ['Changes code of the pipeline.']
      : []),
  ]
}

function conclusion(
  verdict: Review['verdict'],
  [first, ...others]: Inspection['problems'],
  quality: ReviewQuality | undefined,
): string {
  if (quality !== undefined) return `${qualitySentence(quality)}.`
  if (verdict === 'pass') return 'Changes nothing that a run reads.'
  if (first === undefined) return 'Data and settings are valid. The run after the merge decides about quality.'
  return `Not ready: ${first.message}${others.length === 0 ? '' : ` ${others.length} more ${others.length === 1 ? 'problem' : 'problems'}.`}`
}

/** Below the repository's root: the project's folder, empty if it is the root, and the folder of the samples in it. */
interface Folders {
  readonly project: string
  /** Absent if the samples are on the Hub. */
  readonly samples: string | undefined
}

interface Circumstances extends Folders {
  /** Whether code that `sheikh.config` imports or a trainer reads differs. */
  readonly isCodeChanged: boolean
  /** Whether HEAD has all commits of the base. */
  readonly isWhole: boolean
}

/** A configuration error names a file and a line; an error about samples has a list. */
function placesOf(problem: SheikhError, { project, samples }: Folders): readonly ReviewPlace[] {
  const below = (path: string) => (project === '' ? path : `${project}/${path}`)
  const issues = issuesOf(problem)
  if (issues !== undefined) return issues.map((issue) => samplePlace(issue, { project, samples }))
  const { problems, ...first } = problem.facts as Located & { readonly problems?: readonly Located[] }
  return (problems ?? [first]).flatMap(({ file, line, column, message = problem.message }) =>
    typeof file !== 'string'
      ? []
      : [
          {
            path: below(file),
            ...(typeof line === 'number' && { line }),
            ...(typeof column === 'number' && { column }),
            message: String(message),
          },
        ],
  )
}

interface Located {
  readonly file?: unknown
  readonly line?: unknown
  readonly column?: unknown
  readonly message?: unknown
}

function samplePlace({ path, position, message }: DatasetIssue, { project, samples }: Folders): ReviewPlace {
  const below = (name: string) => (project === '' ? name : `${project}/${name}`)
  const text = position === '' ? message : `${position}: ${message}`
  // The setting that names the dataset of the Hub.
  if (samples === undefined) return { path: below('dataset/config.yaml'), message: `${path} ${text}` }
  const [, line, column] = /^line (\d+)(?:, column (\d+))?\b/.exec(position) ?? []
  return {
    path: below(`${samples}/${path}`),
    ...(line !== undefined && { line: Number(line) }),
    ...(column !== undefined && { column: Number(column) }),
    message: text,
  }
}
