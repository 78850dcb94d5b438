import { spawn } from 'node:child_process'
import { dirname } from 'node:path'

/** What a workflow needs of this machine, whoever executes it. */
export interface Surroundings {
  /** An empty folder for everything that is made. */
  readonly folder: string
  /** The Git repository that was pushed to. */
  readonly origin: string
  /** An executable file that takes the place of the installed `sheikh`. */
  readonly command: string
  /** `owner/name` on GitHub. */
  readonly repository: string
  /** The addresses of the servers, and settings of Git. Nothing else of this machine is seen. */
  readonly variables: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, string>>
  /** What `GITHUB_TOKEN` is for a job that may write, and for one that may not. */
  readonly tokens: Readonly<Record<'write' | 'read', string>>
  readonly signal: AbortSignal
}

/** What GitHub says when it starts a workflow. */
export interface WorkflowEvent {
  readonly name: 'push' | 'pull_request' | 'schedule' | 'workflow_run' | 'workflow_dispatch'
  /** Name of the file without `.yml`. */
  readonly workflow: string
  /** The commit that is checked out. */
  readonly commit: string
  readonly payload: Readonly<Record<string, unknown>>
}

export interface WorkflowResult {
  readonly succeeded: boolean
  /** Standard output and error of all jobs. */
  readonly output: string
}

export type RunWorkflow = (event: WorkflowEvent) => Promise<WorkflowResult>

export interface Command {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** Clones what was pushed into a new folder, and checks the commit out. */
export async function cloneAt(
  commit: string,
  clone: string,
  { origin, variables: env, signal }: Pick<Surroundings, 'origin' | 'variables' | 'signal'>,
): Promise<void> {
  for (const parameters of [
    ['clone', '-q', origin, clone],
    ['-C', clone, 'checkout', '-q', commit],
  ]) {
    const { succeeded, output } = await execute('git', parameters, { cwd: dirname(clone), env, signal })
    if (!succeeded) throw new Error(`git ${parameters.join(' ')} failed: ${output}`)
  }
}

/** Runs a program to its end. An abort ends it with all programs that it started. */
export async function execute(
  program: string,
  parameters: readonly string[],
  { cwd, env, signal }: Command,
): Promise<WorkflowResult> {
  signal.throwIfAborted()
  const child = spawn(program, parameters, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = () => {
    try {
      // A group of its own, so that nothing is left of it.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
    } catch {
      // It has just ended.
    }
  }
  signal.addEventListener('abort', stop)
  try {
    return await new Promise<WorkflowResult>((done, fail) => {
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (piece: string) => {
          output += piece
        })
      child.once('error', fail)
      child.once('close', (code) => (signal.aborted ? fail(signal.reason) : done({ succeeded: code === 0, output })))
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
