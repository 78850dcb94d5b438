import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callContext, isDigest, isSheikhError } from '../core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../dataset/index.js'
import { type Prediction, type Rows, readWeightsDirectory, type WeightsDirectory } from '../model/index.js'
import type { FitContext, FitRequest, OpenedRelease, Trainer, TrainProgress } from '../trainer/index.js'
import type { ContractTest } from './contract-test.js'

/**
 * Tests that a trainer of texts and labels fulfils the `Trainer` contract.
 *
 * @param make creates a trainer; called for each test.
 */
export function trainerContract(
  test: ContractTest,
  make: () => Promise<Trainer<string, string>>,
  { releases }: TrainerContractOptions = {},
): void {
  const within = (name: string, body: (world: World) => Promise<void>) =>
    test(`a trainer ${name}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sheikh-trainer-'))
      try {
        const { training, evaluation } = await exampleRows()
        const request = { training, ...(releases && { releases: await releases(folder, training) }) }
        await body({ trainer: await make(), folder, training, evaluation, request })
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    })

  within('says what it is, in JSON', async ({ trainer }) => {
    assert.equal(trainer.contract, 1)
    assert.notEqual(trainer.name, '')
    assert.deepEqual(JSON.parse(JSON.stringify(trainer.describe())), trainer.describe())
    const environment = await trainer.environment?.(callContext())
    assert.deepEqual(JSON.parse(JSON.stringify(environment ?? null)), environment ?? null)
  })

  within('gives the same bytes for the same rows and seed', async ({ trainer, folder, training, request }) => {
    const first = await trainer.fit({ ...request, seed: 1, directory: await subfolder(folder) }, fitContext())
    const again = await trainer.fit({ ...request, seed: 1, directory: await subfolder(folder) }, fitContext())
    assert.equal(first.weights.digest, again.weights.digest)
    assert.deepEqual(JSON.parse(JSON.stringify(first.record)), JSON.parse(JSON.stringify(again.record)))
    assert.equal(first.record.trainingDigest, training.digest)
  })

  within(
    'learns, and answers in order, with probabilities that add up to 1',
    async ({ trainer, folder, evaluation, request }) => {
      const { weights } = await trainer.fit({ ...request, seed: 0, directory: await subfolder(folder) }, fitContext())
      await using model = await trainer.load(weights, callContext())
      const inputs: string[] = []
      const targets: (string | undefined)[] = []
      for await (const { input, target } of evaluation) {
        inputs.push(input)
        targets.push(target)
      }
      const predictions = await model.predict(inputs, callContext())
      assert.equal(predictions.length, inputs.length)
      let right = 0
      for (const [index, prediction] of predictions.entries()) {
        assert.equal(prediction.kind, 'label')
        if (prediction.kind !== 'label') continue
        if (prediction.label === targets[index]) right += 1
        const { probabilities } = prediction
        if (probabilities !== undefined)
          assert.ok(Math.abs(Object.values(probabilities).reduce((sum, value) => sum + value, 0) - 1) < 1e-5)
      }
      assert.ok(right / inputs.length > 0.75, `${right} of ${inputs.length} easy items are right`)
      assert.deepEqual(await model.predict([], callContext()), [])
      const [alone] = await model.predict(inputs.slice(3, 4), callContext())
      assertAlike(alone, predictions[3])
    },
  )

  within('reports progress up to its last step', async ({ trainer, folder, request }) => {
    const reports: TrainProgress[] = []
    await trainer.fit(
      { ...request, seed: 0, directory: await subfolder(folder) },
      fitContext({ progress: (report) => reports.push(report) }),
    )
    const last = reports.at(-1)
    assert.ok(last !== undefined && last.step === last.steps && last.epoch === last.epochs)
    assert.ok(reports.every(({ loss }) => Number.isFinite(loss)))
  })

  within(
    'stops when it is aborted, with the reason untouched, and leaves no weights',
    async ({ trainer, folder, request }) => {
      const reason = { why: 'enough' }
      const directory = await subfolder(folder)
      const context = fitContext({ signal: AbortSignal.abort(reason) })
      await assert.rejects(trainer.fit({ ...request, seed: 0, directory }, context), (error) => error === reason)
      assert.deepEqual(await readdir(directory), [])
    },
  )

  within('refuses weights that are not its own', async ({ trainer, folder }) => {
    const directory = await subfolder(folder)
    await writeFile(join(directory, 'config.json'), '{"architecture":"of somebody else"}')
    const weights = await readWeightsDirectory(directory, callContext())
    await assert.rejects(trainer.load(weights, callContext()), { code: 'artifact-corrupt' })
  })

  within('that says so starts from its base, to the same bytes', async ({ trainer, folder, request }) => {
    if (trainer.warmStart !== true) return
    const train = async (base?: WeightsDirectory) => {
      const directory = await subfolder(folder)
      return trainer.fit({ ...request, seed: 1, directory, ...(base && { base }) }, fitContext())
    }
    const { weights: base } = await train()
    const [first, again] = [await train(base), await train(base)]
    assert.notEqual(first.weights.digest, base.digest)
    assert.equal(first.weights.digest, again.weights.digest)
    assert.deepEqual(JSON.parse(JSON.stringify(first.record)), JSON.parse(JSON.stringify(again.record)))
    assert.equal((await readWeightsDirectory(base.path, callContext())).digest, base.digest)
    await using model = await trainer.load(first.weights, callContext())
    assert.equal((await model.predict(['apple', 'bus'], callContext())).length, 2)
  })

  within(
    'that says so refuses a base that is not its own, and leaves no weights',
    async ({ trainer, folder, request }) => {
      if (trainer.warmStart !== true) return
      const [foreign, directory] = [await subfolder(folder), await subfolder(folder)]
      await writeFile(join(foreign, 'config.json'), '{"architecture":"of somebody else"}')
      const base = await readWeightsDirectory(foreign, callContext())
      await assert.rejects(
        trainer.fit({ ...request, seed: 1, directory, base }, fitContext()),
        // A program of somebody's can only fail.
        (error) => isSheikhError(error, 'artifact-corrupt') || isSheikhError(error, 'stage-failed'),
      )
      assert.deepEqual(await readdir(directory), [])
    },
  )

  within('that names releases describes them, and does not train without them', async (world) => {
    const { trainer, folder, training } = world
    if (trainer.releases === undefined) return
    assert.notEqual(trainer.releases.length, 0)
    const described = JSON.stringify(trainer.describe())
    for (const { version, digest } of trainer.releases) {
      assert.ok(isDigest(digest), `${version} has a digest`)
      assert.ok(described.includes(version) && described.includes(digest), `describe() contains ${version}`)
    }
    const directory = await subfolder(folder)
    await assert.rejects(trainer.fit({ training, seed: 0, directory }, fitContext()), { code: 'invalid-options' })
    assert.deepEqual(await readdir(directory), [])
  })
}

export interface TrainerContractOptions {
  /** Opens the releases that the trainer names in `releases`, made of these rows. @default it names none */
  readonly releases?:
    | ((folder: string, training: Rows<string, string>) => Promise<readonly OpenedRelease[]>)
    | undefined
}

interface World {
  readonly trainer: Trainer<string, string>
  readonly folder: string
  readonly training: Rows<string, string>
  readonly evaluation: Rows<string, string>
  /** What each training gets. */
  readonly request: Pick<FitRequest<string, string>, 'training' | 'releases'>
}

const subfolder = (folder: string) => mkdtemp(join(folder, 'weights-'))
const fitContext = (parts: Partial<FitContext> = {}): FitContext => ({
  ...callContext(parts),
  progress: parts.progress ?? (() => {}),
})

/** Easy: the first word decides. */
async function exampleRows(): Promise<Pick<World, 'training' | 'evaluation'>> {
  const samples = ['apple', 'pear', 'car', 'bus'].flatMap((word, kind) =>
    Array.from({ length: 30 }, (_, index) => ({
      id: `${word}-${index}`,
      text: `${word} number ${index}`,
      label: kind < 2 ? 'fruit' : 'vehicle',
    })),
  )
  const source = memorySamples(samples)
  const identities = await new Dataset({ source, input: 'text', target: 'label' }).identities()
  const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'trainer-contract', share: 0.3 }))
  return new Dataset({ source, input: 'text', target: 'label', evaluation }).snapshot(callContext())
}

/** Compares probabilities to 1e-5, because a library may sum in a different order for another batch size. */
function assertAlike(found: Prediction | undefined, wanted: Prediction | undefined): void {
  if (found?.kind !== 'label' || wanted?.kind !== 'label') {
    assert.deepEqual(found, wanted)
    return
  }
  assert.equal(found.label, wanted.label)
  const { probabilities: ours = {} } = found
  for (const [label, value] of Object.entries(wanted.probabilities ?? {}))
    assert.ok(Math.abs((ours[label] ?? Number.NaN) - value) < 1e-5, `"${label}": ${ours[label]} is not ${value}`)
}
