// A training that writes a checkpoint at every step: started by the checkpoint test, killed at a write of its choosing.
// Arguments: the folder of the compiled rooms, a folder to work in, and the device.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const [rooms, folder, device] = process.argv.slice(2)
const load = (path) => import(pathToFileURL(join(rooms, path)).href)
const { callContext } = await load('core/index.js')
const { textClassifier, tfjsTrainer } = await load('trainer/tfjs/index.js')

const rows = Array.from({ length: 24 }, (_, index) => ({
  id: String(index),
  input: `${index % 2 === 0 ? 'apple' : 'bus'} number ${index}`,
  target: index % 2 === 0 ? 'fruit' : 'vehicle',
  slices: {},
}))
const training = {
  size: rows.length,
  digest: `sha256:${'1'.repeat(64)}`,
  async *[Symbol.asyncIterator]() {
    yield* rows
  },
}
const model = textClassifier({ epochs: 1, batchSize: 4, gradientAccumulation: 2, buckets: 2 ** 8, schedule: 'cosine' })
const trainer = tfjsTrainer(model, { device, checkpoints: { everySteps: 1 } })
const directory = join(folder, 'weights')
await mkdir(directory, { recursive: true })
let resumedFrom = null
const { weights, record } = await trainer.fit(
  { training, seed: 3, directory, checkpoints: join(folder, 'checkpoints') },
  { ...callContext(), progress: (report) => (resumedFrom = report.resumedFrom ?? null) },
)
process.stdout.write(JSON.stringify({ digest: weights.digest, lossCurve: record.lossCurve, resumedFrom }))
