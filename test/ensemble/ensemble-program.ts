// A pipeline with an ensemble in a process of its own: the folder of the store, and the member at which the process is killed, or 0.
import { argv, kill, pid, stdout } from 'node:process'
import { ensembleTrainer } from '../../src/ensemble/index.js'
import { qualityGate, reportOnly, weightIntegrity } from '../../src/gate/index.js'
import { Pipeline } from '../../src/pipeline/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { biasedDataset, biasedTrainer, squaredError } from './biased.js'

const [folder, killAt] = argv.slice(2)
const trained: number[] = []
const member = (index: number) =>
  biasedTrainer(index, 0, () => {
    trained.push(index)
    if (index > 0 && index === Number(killAt)) kill(pid, 'SIGKILL')
  })
const result = await new Pipeline({
  dataset: biasedDataset(),
  store: directoryStore(folder!),
  trainer: ensembleTrainer({ members: { a: member(0), b: member(1), c: member(2) } }),
  gate: qualityGate([weightIntegrity(), reportOnly(squaredError)]),
  releaser: memoryRegistry(),
}).run()
stdout.write(JSON.stringify({ trained, bundle: result.status === 'released' ? result.release.bundle : result.status }))
