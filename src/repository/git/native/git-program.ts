import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { type CallContext, SheikhError } from '../../../core/index.js'

/** Calls the program `git` in one folder. */
export interface GitProgram {
  /** @throws `locked` if a lock file exists; `storage-failed` if the disk refuses; `repository-invalid` otherwise. */
  run(parameters: readonly string[], options?: GitCall): Promise<Buffer>
  /** As `run`, for commands whose exit status is an answer. */
  ask(parameters: readonly string[], options?: GitCall): Promise<GitAnswer>
  /** As `run`, but yields the output piece by piece. */
  stream(parameters: readonly string[], options: GitCall): AsyncIterable<Buffer>
  /** Starts a command that answers questions. The caller ends it. */
  start(parameters: readonly string[]): ChildProcessWithoutNullStreams
}

export interface GitCall {
  readonly input?: string | Uint8Array | undefined
  readonly environment?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
}

export interface GitAnswer {
  readonly status: number
  readonly output: Buffer
  readonly errors: string
}

/** Variables by name, as `process.env` has them. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

export const oldestVersion = '2.30'

// A hook's environment names its own repository, and would name it to us: `git rev-parse --local-env-vars`, without the
// settings that a caller passes by GIT_CONFIG_COUNT and GIT_CONFIG_PARAMETERS.
const ofAnotherRepository = [
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_COMMON_DIR',
  'GIT_DIR',
  'GIT_GRAFT_FILE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_NAMESPACE',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
  'GIT_SHALLOW_FILE',
  'GIT_WORK_TREE',
  'GIT_GLOB_PATHSPECS',
  'GIT_ICASE_PATHSPECS',
  'GIT_NOGLOB_PATHSPECS',
]

// No hooks and no automatic maintenance: a command of ours is one step.
const always = ['core.hooksPath=/dev/null', 'gc.auto=0', 'maintenance.auto=false', 'i18n.commitEncoding=UTF-8']

/** The setting by which git flushes what it writes before it gives it a name. Version 2.36 replaced the older one. */
const durable = (version: string) => (isAtLeast(version, '2.36') ? 'core.fsync=all' : 'core.fsyncObjectFiles=true')

/** @param version what `findGit` answered; without one, for commands that only read. */
export function gitProgram(
  program: string,
  directory: string,
  environment: EnvironmentVariables,
  signal: AbortSignal,
  version?: string | undefined,
): GitProgram {
  const settings = [...always, ...(version === undefined ? [] : [durable(version)])].flatMap((item) => ['-c', item])
  const inherited = { ...environment }
  for (const name of ofAnotherRepository) delete inherited[name]
  const common = {
    ...inherited,
    LC_ALL: 'C',
    LANGUAGE: '',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_LITERAL_PATHSPECS: '1',
    // A commit's id stands for its content: what this clone alone puts in its place would be in no other clone.
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_GRAFT_FILE: '/dev/null',
    GIT_PAGER: 'cat',
  }
  const ask = (parameters: readonly string[], call: GitCall = {}) =>
    new Promise<GitAnswer>((resolve, reject) => {
      const options = {
        cwd: directory,
        env: { ...common, ...call.environment },
        encoding: 'buffer' as const,
        maxBuffer: Number.POSITIVE_INFINITY,
        // Only where a call may take long: an abort ends the others before the next one.
        ...(call.signal !== undefined && { signal: call.signal }),
        windowsHide: true,
      }
      if (signal.aborted) return reject(signal.reason)
      const child = execFile(program, [...settings, ...parameters], options, (error, output, errors) => {
        if (call.signal?.aborted === true) return reject(call.signal.reason)
        const status = error === null ? 0 : error.code
        if (typeof status !== 'number') return reject(error)
        resolve({ status, output, errors: errors.toString().trim() })
      })
      // A program that ends before it has read everything says why by its status.
      child.stdin?.on('error', () => {})
      child.stdin?.end(call.input)
    })
  const start = (parameters: readonly string[], call: GitCall = {}) =>
    spawn(program, [...settings, ...parameters], {
      cwd: directory,
      env: { ...common, ...call.environment },
      windowsHide: true,
    })
  return {
    ask,
    start,
    async run(parameters, call) {
      const answer = await ask(parameters, call)
      if (answer.status !== 0) throw gitFailed(parameters, answer)
      return answer.output
    },
    async *stream(parameters, call) {
      signal.throwIfAborted()
      const child = start(parameters, call)
      const ended = new Promise<number>((resolve, reject) => {
        child.on('error', reject)
        child.on('close', (status) => resolve(status ?? 1))
      })
      // Awaited below; until then a failure must not be unhandled.
      ended.catch(() => {})
      let errors = ''
      child.stderr.on('data', (piece) => {
        errors += piece
      })
      child.stdin.on('error', () => {})
      child.stdin.end(call.input)
      try {
        for await (const piece of child.stdout) {
          call.signal?.throwIfAborted()
          yield piece as Buffer
        }
        const status = await ended
        if (status !== 0) throw gitFailed(parameters, { status, output: Buffer.alloc(0), errors: errors.trim() })
      } finally {
        child.kill()
      }
    },
  }
}

/** The error for a command that failed, by what git printed. */
export function gitFailed(parameters: readonly string[], { status, errors }: GitAnswer): SheikhError {
  const command = `git ${parameters.find((parameter) => !parameter.startsWith('-')) ?? ''}`
  const fact = factIn(errors)
  const lock = /Unable to create '(.*\.lock)': File exists/.exec(errors)?.[1]
  if (lock !== undefined)
    return new SheikhError(
      'locked',
      `Cannot change the repository: "${lock}" exists, so another program is using it, or a program was killed. Remove the file if no program is using the repository.`,
      { facts: { path: lock } },
    )
  if (/from promisor remote/.test(errors))
    return new SheikhError(
      'storage-failed',
      `Cannot read the repository: this partial clone lacks a file, and its remote did not send it (${fact}). Run again when the remote answers, or make the clone whole while it does: git fetch --refetch --no-filter`,
      { facts: { command, status }, retryable: true },
    )
  const disk =
    /No space left on device|Read-only file system|Permission denied|Disk quota exceeded|Input\/output error/.exec(
      errors,
    )
  if (disk !== null)
    return new SheikhError(
      'storage-failed',
      `Cannot change the repository: ${command} failed (${fact}). Free some space or correct the permissions, then run again.`,
      { facts: { command, status } },
    )
  return new SheikhError(
    'repository-invalid',
    `Cannot work on the repository: ${command} failed (${fact === '' ? `status ${status}` : fact}). Run "git status" and correct what it reports.`,
    { facts: { command, status } },
  )
}

/** What git names as the reason, without its prefix; a list below it on the same line. */
export function factIn(errors: string): string {
  const lines = errors.replaceAll(/\n\s+/g, ' ').split('\n')
  const said = lines.filter((line) => /^(fatal|error): /.test(line)).map((line) => line.replace(/^(fatal|error): /, ''))
  return (said.length > 0 ? said : lines.slice(0, 1)).slice(0, 3).join('; ').replace(/\.$/, '')
}

// The versions that programs answered, by program and PATH: asking again at each opening is a tenth of all starts of git.
const answered = new Map<string, string>()

/** The version of a `git` that can be used. @returns `undefined` if there is none, or if it is older than 2.30. */
export async function findGit(
  program: string,
  environment: EnvironmentVariables,
  { signal }: CallContext,
): Promise<string | undefined> {
  const paths = Object.entries(environment).filter(([name]) => name.toUpperCase() === 'PATH')
  const key = JSON.stringify([program, paths])
  const version = answered.get(key) ?? (await askVersion(program, environment, signal))
  if (version === undefined || !isAtLeast(version, oldestVersion)) return undefined
  answered.set(key, version)
  return version
}

async function askVersion(program: string, environment: EnvironmentVariables, signal: AbortSignal) {
  const version = await new Promise<string | undefined>((resolve) => {
    execFile(program, ['--version'], { env: { ...environment, LC_ALL: 'C' }, signal }, (error, output) =>
      resolve(error === null ? /(\d+)\.(\d+)(\.\d+)*/.exec(output)?.[0] : undefined),
    )
  })
  signal.throwIfAborted()
  return version
}

function isAtLeast(version: string, wanted: string): boolean {
  const [[major = 0, minor = 0], [wantedMajor = 0, wantedMinor = 0]] = [version, wanted].map((text) =>
    text.split('.').map(Number),
  ) as [number[], number[]]
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
