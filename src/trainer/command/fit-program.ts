import { mkdtemp, readdir, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { SheikhError } from '../../core/index.js'
import type { WeightsDirectory } from '../../model/index.js'
import { storageFailed, verifyNamedFiles } from '../../store/index.js'
import type { FitContext, FitRequest, TrainerEnvironment } from '../trainer.js'
import { collectWeights } from './collect-weights.js'
import { requestVariable } from './options.js'
import { loggedLineBytes, startProgram } from './program.js'
import { programFailed } from './program-failed.js'
import { programOutput } from './program-output.js'
import { type ProgressReader, progressReader } from './progress.js'
import { weightsFolder, writeFitRequest } from './request.js'
import type { Settings } from './settings.js'

export interface Fitted {
  readonly weights: WeightsDirectory
  readonly lossCurve: ReturnType<ProgressReader['lossCurve']>
  readonly environment: TrainerEnvironment | undefined
}

/** Runs the program's training. A failure leaves nothing in `request.directory`. */
export async function fitByProgram(
  settings: Settings,
  request: FitRequest<unknown, unknown>,
  context: FitContext,
): Promise<Fitted> {
  const { directory, base } = request
  context.signal.throwIfAborted()
  await checkSpace(directory, settings.minimumFreeBytes)
  if (base !== undefined) await verifyNamedFiles(base.path, base.manifest, context)
  // Inside the folder, so that weights are moved instead of copied, and leftovers of a crash are removed with the
  // folder.
  const folder = await mkdtemp(join(directory, '.request-')).catch((error) => {
    throw storageFailed('make a folder in', directory, error)
  })
  const moved: string[] = []
  try {
    const requestFile = await writeFitRequest(folder, request, settings.config, context)
    const progress = progressReader(context)
    await runToEnd(settings, requestFile, progress, context)
    const weights = await collectWeights(weightsFolder(folder), context)
    context.signal.throwIfAborted()
    for (const name of await readdir(weights.path)) {
      moved.push(name)
      await rename(join(weights.path, name), join(directory, name))
    }
    progress.end()
    return {
      weights: { ...weights, path: directory },
      lossCurve: progress.lossCurve(),
      environment: progress.environment(),
    }
  } catch (error) {
    for (const name of moved) await rm(join(directory, name), { recursive: true, force: true })
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function runToEnd(
  settings: Settings,
  requestFile: string,
  progress: ProgressReader,
  { signal, log }: FitContext,
): Promise<void> {
  const output = programOutput(settings.fit.command, settings.redact, log)
  // The first reason for stopping is thrown, however the program ends afterwards.
  let fault: { readonly error: unknown } | undefined
  const { command, args, cwd } = settings.fit
  const program = await startProgram({
    command,
    args: [...args, requestFile],
    cwd,
    variables: { ...settings.variables, [requestVariable]: requestFile },
    graceMs: settings.graceMs,
    stdin: false,
    longestLineBytes: loggedLineBytes,
    onLine(line) {
      try {
        if (fault === undefined && progress.read(line)) return
      } catch (error) {
        stopFor(error)
      }
      output.add(line)
    },
    onErrorLine: output.add,
  })
  const stopFor = (error: unknown) => {
    fault ??= { error }
    void program.stop()
  }
  const onAbort = () => stopFor(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const { timeLimitMs } = settings
  const timer = timeLimitMs === undefined ? undefined : setTimeout(() => stopFor(tooLong(timeLimitMs)), timeLimitMs)
  try {
    const ending = await program.ended
    if (fault !== undefined) throw (fault as { readonly error: unknown }).error
    if (ending.exitCode !== 0) throw programFailed('Training', ending, output.lastLines())
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

const tooLong = (timeLimitMs: number) =>
  new SheikhError(
    'stage-failed',
    `Training failed: the program took longer than ${timeLimitMs} ms and was stopped. Raise timeLimitMs, or reduce the work.`,
    { facts: { timeLimitMs } },
  )

async function checkSpace(directory: string, minimumFreeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  const freeBytes = bavail * bsize
  if (freeBytes < minimumFreeBytes)
    throw new SheikhError(
      'storage-failed',
      `Cannot train: ${JSON.stringify(directory)} has ${freeBytes} bytes free, but ${minimumFreeBytes} are required. Free some space, or lower minimumFreeBytes.`,
      { facts: { path: directory, freeBytes, minimumFreeBytes }, retryable: true },
    )
}
