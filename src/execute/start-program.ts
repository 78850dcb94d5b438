import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { messageOf, SheikhError } from '../core/index.js'

// Beside this file in `src`, and beside the bundle that this file is part of.
const isSource = import.meta.url.endsWith('.ts')
const entry = new URL(isSource ? './worker-program.ts' : './execute-worker.js', import.meta.url)

/**
 * Starts the program of a worker, which the module of the worker is loaded into.
 *
 * @throws `stage-failed`, retryable, if this process has no more files or processes.
 */
export async function startProgram(): Promise<ChildProcess> {
  const child = forked()
  // Without a listener this event ends the host.
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => void child.on('error', resolve))
  if (child.pid !== undefined) return child
  const error = await failed
  throw new SheikhError(
    'stage-failed',
    `Cannot start a worker process: ${messageOf(error)}. Raise the limits of this process (ulimit -n, ulimit -u), or start fewer workers.`,
    { facts: { errno: error.code }, cause: error, retryable: true },
  )
}

function forked(): ChildProcess {
  const child = fork(fileURLToPath(entry), [], {
    execArgv: [...inherited(process.execArgv), ...(isSource ? sourceArguments(process.execArgv) : [])],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'json',
  })
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8')
  return child
}

/** Arguments of Node.js that concern only the program of the host: a debugger's port, and a program on the command line. */
function inherited(parameters: readonly string[]): readonly string[] {
  return parameters.filter((parameter, index) => {
    const isText = /^(-e|-p|-pe|--eval|--print)$/
    if (isText.test(parameter) || isText.test(parameters[index - 1] ?? '')) return false
    return !/^--(inspect|input-type|watch|test|eval|print|cpu-prof|heap-prof)/.test(parameter)
  })
}

/** In this repository the program and the modules are TypeScript. */
function sourceArguments(present: readonly string[]): readonly string[] {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const isTranslated = present.some((parameter) => parameter.includes('tsx'))
  return [...(isTranslated ? [] : ['--import', tsx]), '--conditions=sheikh-source']
}
