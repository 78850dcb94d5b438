// A host of its own that trains on workers and writes each step to its standard output.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { argv, stdout } from 'node:process'
import { pathToFileURL } from 'node:url'
import { callContext } from '../../../src/core/index.js'
import { localExecutor } from '../../../src/execute/index.js'
import { directoryStore } from '../../../src/store/directory/index.js'
import { dilocoTrainer } from '../../../src/trainer/tfjs/index.js'
import { classifier, rounds, texts } from './texts.js'

const [folder, module] = argv.slice(2) as [string, string]
const store = directoryStore(join(folder, 'store'))
const options = { folder: join(folder, 'store'), notes: join(folder, 'notes'), pauseMs: 30 }
const [directory, checkpoints] = [join(folder, 'weights-of-host'), join(folder, 'checkpoints')]
for (const path of [directory, checkpoints]) await mkdir(path, { recursive: true })
await using executor = localExecutor({ store, workers: 2, worker: { module: pathToFileURL(module), options } })
await dilocoTrainer(classifier(), { executor, store, ...rounds }).fit(
  { training: texts(100), seed: 1, directory, checkpoints },
  { ...callContext(), progress: ({ step }) => void stdout.write(`${step}\n`) },
)
