import { readFile, realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, posix } from 'node:path'
import { type CallContext, fits, object, type Shape, SheikhError, text } from '../../core/index.js'
import { readTextFile } from '../../store/index.js'
import {
  loadConfiguration,
  type NotificationsConfiguration,
  type ReleaseTarget,
  secretsNamedIn,
  type TriggerConfiguration,
} from '../config/index.js'
import { belowRoot, type Git } from '../git/index.js'
import { secretNames } from '../release-targets.js'

/** What the workflows of a project depend on. */
export interface WorkflowFacts {
  /** The project's folder below the repository's root, with `/`; empty if it is the root. */
  readonly project: string
  /** The branch that is released from. */
  readonly branch: string
  /** The labels of the machine that trains. */
  readonly runner: readonly string[]
  /** The version of this package, installed if no lockfile pins one. */
  readonly version: string
  /** The folder whose `package-lock.json` pins this package, below the repository's root. */
  readonly lockfileFolder: string | undefined
  /** The schedules of the triggers in `mlops/pipeline.yaml`. */
  readonly crons: readonly string[]
  /** The schedules that the actions of `stages.continuous_learn` follow. */
  readonly learningCrons: readonly string[]
  readonly targets: ReadonlySet<ReleaseTarget['kind']>
  /** The secrets that the notifications need. */
  readonly notificationSecrets: readonly string[]
  /** Whether notifications open issues on GitHub. */
  readonly opensIssues: boolean
}

/** What was chosen when the workflows were written last. Kept beside their copies. */
export interface WorkflowChoices {
  readonly project: string
  readonly branch: string
  readonly runner: string
}

const choicesShape: Shape<WorkflowChoices> = object({ project: text, branch: text, runner: text })

export const choicesPath = (project: string) => `.github/sheikh/choices${suffixOf({ project })}.json`

/** @throws `storage-failed`; `invalid-config` if the file was edited, or if another project has the same name in workflows. */
async function earlierChoices(root: string, project: string): Promise<Partial<WorkflowChoices>> {
  const path = choicesPath(project)
  const content = await readTextFile(join(root, path))
  if (content === undefined) return {}
  const value = parseJson(content)
  if (!fits(choicesShape, value))
    throw new SheikhError(
      'invalid-config',
      `Cannot read "${path}": it was edited. Restore it with git, or delete it.`,
      {
        facts: { file: path },
      },
    )
  if (value.project === project) return value
  throw new SheikhError(
    'invalid-config',
    `Cannot write workflows for "${project}": those of "${value.project}" have the same file names. Rename one of the folders.`,
    { facts: { file: path } },
  )
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}

export async function workflowFacts(
  git: Git,
  directory: string,
  options: { readonly branch?: string | undefined; readonly runner?: string | undefined },
  context: CallContext,
): Promise<WorkflowFacts> {
  const project = belowRoot(git, await realpath(directory))
  const earlier = await earlierChoices(git.root, checked('project folder', project, /^[\w. /+@-]*$/))
  const branch = options.branch ?? earlier.branch ?? (await git.branch())?.replace(/^refs\/heads\//, '') ?? 'main'
  const runner = options.runner ?? earlier.runner ?? 'ubuntu-latest'
  const { release, triggers, learning, notifications } = await loadConfiguration(directory, context)
  const { version } = createRequire(import.meta.url)('sheikh-freemium/package.json') as { readonly version: string }
  return {
    project,
    branch: checked('branch', branch, /^[\w./-]+$/),
    runner: checked('runner', runner, /^[\w.-]+(,[\w.-]+)*$/).split(','),
    version,
    lockfileFolder: await lockfileFolder(git.root, project),
    crons: cronsOf(triggers),
    learningCrons:
      learning.actions.length === 0 ? [] : cronsOf(triggers.filter(({ action }) => action === 'continuous_learn')),
    targets: new Set(release.targets.map(({ kind }) => kind)),
    notificationSecrets: notificationSecretsOf(notifications),
    opensIssues: notifications?.githubIssue !== undefined,
  }
}

const cronsOf = (triggers: readonly TriggerConfiguration[]) => [...new Set(triggers.flatMap(({ cron }) => cron ?? []))]

/** Without those that a channel refuses, and those that GitHub does not allow. E-mail has two that need not be named. */
function notificationSecretsOf(notifications: NotificationsConfiguration | undefined): readonly string[] {
  const email = notifications?.email
  const implied = email === undefined ? [] : [...(email.smtp ? [] : ['SMTP_URL']), ...(email.from ? [] : ['SMTP_FROM'])]
  const names = new Set([...secretsNamedIn(notifications), ...implied])
  return [...names].filter((name) => !secretNames.includes(name) && !/^(\d|GITHUB_)/i.test(name))
}

/** These texts become a part of YAML, of expressions and of scripts. */
function checked(what: string, text: string, pattern: RegExp): string {
  if (pattern.test(text)) return text
  throw new SheikhError(
    'invalid-options',
    `Cannot write workflows for the ${what} ${JSON.stringify(text)}: a workflow cannot contain all of its characters. Use letters, digits, "-", "_" and ".".`,
  )
}

/** The nearest lockfile that has this package, from the project's folder up to the repository's root. */
async function lockfileFolder(root: string, project: string): Promise<string | undefined> {
  for (let folder = project; ; folder = posix.dirname(folder)) {
    const text = await readFile(join(root, folder, 'package-lock.json'), 'utf8').catch(() => '')
    if (text.includes('"node_modules/sheikh-freemium"')) return folder === '.' ? '' : folder
    if (folder === '' || folder === '.') return undefined
  }
}

/**
 * Whether GitHub lends the machine that trains, so that pull requests can be trained on such a machine too. Their code never reaches
 * a machine of the project's own.
 */
export const isHosted = ({ runner }: Pick<WorkflowFacts, 'runner'>): boolean =>
  runner.length === 1 && /^(ubuntu|windows|macos)-(latest|\d+(\.\d+)?)$/.test(runner[0]!)

/** Distinguishes the files of several projects in one repository: `-models-spam`; empty for a project at the root. */
export function suffixOf({ project }: Pick<WorkflowFacts, 'project'>): string {
  const slug = project
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return slug === '' ? '' : `-${slug}`
}

/** What the workflows need besides files. */
export function notesOf({ targets, notificationSecrets, learningCrons }: WorkflowFacts): readonly string[] {
  const notes: string[] = []
  if (targets.has('directory'))
    notes.push(
      'A release target is a folder: on a hosted runner it is gone after the job. Release to huggingface, github or s3 in mlops/pipeline.yaml.',
    )
  if (targets.has('huggingface'))
    notes.push('The Hub needs a trusted publisher for this repository (kind "repo publisher"), or the secret HF_TOKEN.')
  if (targets.has('s3')) notes.push('S3 needs the secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.')
  if (learningCrons.length > 0)
    notes.push(
      'Continuous learning opens pull requests: allow GitHub Actions to create them in the settings of the repository, under Actions, General.',
    )
  if (notificationSecrets.length > 0) notes.push(`Notifications need the secrets ${notificationSecrets.join(', ')}.`)
  return notes
}
