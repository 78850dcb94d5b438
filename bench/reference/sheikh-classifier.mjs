// Our text classifier with its defaults on a text set (JSON lines), as a user's script: sheikh-classifier.mjs <the rooms,
// built> <set>. Prints what the whole process took.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { peakMemoryKb } from './peak-memory.mjs'

const [rooms, path] = process.argv.slice(2)
const load = (file) => import(pathToFileURL(join(rooms, file)).href)
const { callContext } = await load('core/index.js')
const { textClassifier, tfjsTrainer } = await load('trainer/tfjs/index.js')
const rows = readFileSync(path, 'utf8').trim().split('\n').map(JSON.parse)
const training = rows.flatMap(({ text, label, part }, index) =>
  part === 'training' ? [{ id: String(index), input: text, target: label, slices: {} }] : [],
)
const held = rows.filter(({ part }) => part === 'evaluation')
const context = callContext()
const directory = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
try {
  const trainer = tfjsTrainer(textClassifier())
  const request = {
    training: {
      ...{ size: training.length, digest: `sha256:${'0'.repeat(64)}` },
      async *[Symbol.asyncIterator]() {
        yield* training
      },
    },
    ...{ seed: 0, directory },
  }
  const { weights } = await trainer.fit(request, { ...context, progress() {} })
  const model = await trainer.load(weights, context)
  const answers = await model.predict(
    held.map(({ text }) => text),
    context,
  )
  await model[Symbol.asyncDispose]()
  const accuracy = answers.filter(({ label }, index) => label === held[index].label).length / held.length
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  console.log(
    JSON.stringify({
      accuracy,
      cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
      peakMb: (peakMemoryKb() * 1024) / 1e6,
    }),
  )
} finally {
  rmSync(directory, { recursive: true, force: true })
}
