// The same as sklearn-train.py with our classifier on wasm. Arguments: compiled rooms, the mails, epochs.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const [rooms, path, epochs] = process.argv.slice(2)
const load = (file) => import(pathToFileURL(join(rooms, file)).href)
const { callContext } = await load('core/index.js')
const { textClassifier, tfjsTrainer } = await load('trainer/tfjs/index.js')
const mails = (await readFile(path, 'utf8'))
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line))
const part = (name) => mails.filter((mail) => mail.part === name)
const rows = part('training').map(({ id, text, label }) => ({ id, input: text, target: label, slices: {} }))
const training = {
  size: rows.length,
  digest: `sha256:${'0'.repeat(64)}`,
  async *[Symbol.asyncIterator]() {
    yield* rows
  },
}
const context = callContext()
const trainer = tfjsTrainer(textClassifier({ epochs: Number(epochs) }))
const directory = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
const { weights } = await trainer.fit({ training, seed: 0, directory }, { ...context, progress() {} })
const model = await trainer.load(weights, context)
const held = part('evaluation')
const predictions = await model.predict(
  held.map(({ text }) => text),
  context,
)
process.stdout.write(String(predictions.filter(({ label }, index) => label === held[index].label).length / held.length))
await rm(directory, { recursive: true, force: true })
