// PyTorch as a trainer: the contract, torchrun with two processes, and the example, with the PyTorch that is there.
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext, digestJson } from '../../src/core/index.js'
import { float32Of, readSafetensors } from '../../src/model/index.js'
import { trainerContract } from '../../src/testing/trainer-contract.js'
import { type Command, commandTrainer } from '../../src/trainer/command/index.js'
import type { Trainer } from '../../src/trainer/index.js'
import { torchPython } from './torch.js'

const root = join(import.meta.dirname, '../..')
const torch = torchPython()
if (torch === undefined) {
  console.log('Skipped: no Python here imports torch and safetensors. npm run setup:interop says how to get them')
  it.skip('PyTorch behind commandTrainer')
} else {
  const { python, variables } = torch
  const environment = { ...process.env, ...variables }
  const trainer = (fit: Command) =>
    commandTrainer({
      fit,
      predict: [python, 'predict.py'],
      directory: join(root, 'examples/pytorch'),
      inputs: ['model.py'],
      environment,
      env: ['PYTHONPATH'],
      config: { epochs: 5, learning_rate: 0.01, batch_size: 16 },
      targets: 'labels',
    })
  const alone = trainer([python, 'train.py'])
  trainerContract(it, async () => alone)

  it('the example ends well', () => {
    const command = ['--import', 'tsx', '--conditions=sheikh-source', 'examples/pytorch.ts']
    const { stdout } = spawnSync(process.execPath, command, {
      cwd: root,
      env: { ...environment, PYTHON: python },
      encoding: 'utf8',
    })
    expect(stdout).toMatch(/released 0\.1\.0/)
  })

  it('torchrun with two processes trains what one process does', async () => {
    // Debian's PyTorch 1.13 stops on Python 3.11 without the last two; of a tenth process, which there is not.
    const torchrun = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2', '-r', '9:1', '-t', '9:1']
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-torchrun-'))
    try {
      const [one, two] = await Promise.all([
        fitted(alone, join(folder, 'one')),
        fitted(trainer([python, ...torchrun, 'train.py']), join(folder, 'two')),
      ])
      expect(two.environment).toMatchObject({ device: { processes: 2 } })
      expect(one.environment).toMatchObject({ device: { processes: 1 } })
      const values = await Promise.all([one, two].map(({ path }) => valuesIn(path)))
      expect(values[0]!.length).toBeGreaterThan(1000)
      // The means of two halves, and of the whole: the same number but for rounding, in every step.
      for (const [index, value] of values[0]!.entries()) expect(values[1]![index]).toBeCloseTo(value, 4)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
}

async function fitted(trainer: Trainer<string, string>, directory: string) {
  await mkdir(directory)
  const rows = Array.from({ length: 64 }, (_, index) => ({
    id: String(index),
    input: `${['apple', 'bus'][index % 2]} number ${index}`,
    target: ['fruit', 'vehicle'][index % 2]!,
    slices: {},
  }))
  const training = {
    size: rows.length,
    digest: digestJson(rows),
    async *[Symbol.asyncIterator]() {
      yield* rows
    },
  }
  const context = { ...callContext(), progress: () => {} }
  const { record } = await trainer.fit({ training, seed: 1, directory }, context)
  return { path: directory, environment: record.environment }
}

async function valuesIn(folder: string): Promise<readonly number[]> {
  const { tensors } = await readSafetensors(join(folder, 'model.safetensors'), callContext())
  return tensors.flatMap((tensor) => [...float32Of(tensor)])
}
