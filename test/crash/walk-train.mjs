// A training that writes a checkpoint at every step: started by the checkpoint test, killed at a write of its choosing.
// Arguments: the folder of the compiled rooms, a folder to work in, the device, and where it is in a thread of its own:
// epochs of three steps, and the step at whose report the process is killed.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const [rooms, folder, device, epochs, killAt] = process.argv.slice(2)
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
const model = textClassifier({
  epochs: Number(epochs ?? 1),
  batchSize: 4,
  gradientAccumulation: 2,
  buckets: 2 ** 8,
  schedule: 'cosine',
})
// Where the writes of this thread are counted, they must be of this one.
const thread = epochs === undefined ? 'caller' : 'own'
const trainer = tfjsTrainer(model, { device, checkpoints: { everySteps: 1 }, thread })
const directory = join(folder, 'weights')
await mkdir(directory, { recursive: true })
let resumedFrom = null
const { weights, record } = await trainer.fit(
  { training, seed: 3, directory, checkpoints: join(folder, 'checkpoints') },
  {
    ...callContext(),
    progress(report) {
      resumedFrom = report.resumedFrom ?? null
      if (report.step === Number(killAt)) process.kill(process.pid, 'SIGKILL')
    },
  },
)
process.stdout.write(JSON.stringify({ digest: weights.digest, lossCurve: record.lossCurve, resumedFrom }))
