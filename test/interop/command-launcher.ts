// What every launcher has to do for a program that it does not run itself: shown with one that needs nothing but Python.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { callContext, digestJson } from '../../src/core/index.js'
import { float32Of, readSafetensors } from '../../src/model/index.js'
import { type CommandTrainerOptions, commandTrainer } from '../../src/trainer/command/index.js'

export const launchers = join(import.meta.dirname, '../../examples/launchers')

/** @param options asked for in each test: what it names may be started by then */
export function launcherTests(name: string, options: () => Pick<CommandTrainerOptions, 'fit' | 'environment' | 'env'>) {
  it(`${name}: progress arrives while the program runs, then its weights`, () =>
    inFolder(async (folder) => {
      const go = join(folder, 'go')
      const steps: number[] = []
      const { weights } = await train(folder, { wait_for: go }, options(), {
        progress(report: { readonly step: number }) {
          steps.push(report.step)
          writeFileSync(go, '')
        },
      })
      expect(steps).toEqual([1, 2])
      const { tensors } = await readSafetensors(join(weights.path, 'model.safetensors'), callContext())
      expect(tensors.map((tensor) => [...float32Of(tensor)])).toEqual([[3]])
    }))

  it(`${name}: a program that fails is stage-failed, with what it said`, () =>
    inFolder(async (folder) => {
      const failing = train(folder, { fail: 'the last thing it said' }, options())
      await expect(failing).rejects.toMatchObject({
        code: 'stage-failed',
        message: expect.stringContaining('the last thing it said'),
      })
    }))

  it(`${name}: an abort ends the program, wherever it runs`, () =>
    inFolder(async (folder) => {
      const abort = new AbortController()
      const pidFile = join(folder, 'pid')
      const config = { wait_for: join(folder, 'never'), pid: pidFile }
      const training = train(folder, config, options(), {
        signal: abort.signal,
        progress: () => abort.abort(new Error('enough')),
      })
      await expect(training).rejects.toThrow('enough')
      const pid = Number(readFileSync(pidFile, 'utf8'))
      expect(pid).toBeGreaterThan(1)
      // The launcher has ended; nothing may have to be waited for but the last of a signal.
      await vi.waitFor(() => expect(existsSync(`/proc/${pid}/exe`)).toBe(false), { timeout: 5_000 })
    }))
}

async function train(
  folder: string,
  config: Readonly<Record<string, string>>,
  options: Pick<CommandTrainerOptions, 'fit' | 'environment' | 'env'>,
  given: object = {},
) {
  const directory = join(folder, 'fitted')
  await mkdir(directory)
  const rows = [3, 4, 5].map((target) => ({ id: String(target), input: '', target, slices: {} }))
  const training = {
    size: rows.length,
    digest: digestJson(rows),
    async *[Symbol.asyncIterator]() {
      yield* rows
    },
  }
  const trainer = commandTrainer<string, number>({
    ...options,
    predict: ['false'],
    directory: import.meta.dirname,
    config,
    graceMs: 60_000,
  })
  return trainer.fit({ training, seed: 1, directory }, { ...callContext(), progress: () => {}, ...given })
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-launcher-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
