// A search in a process of its own: the folder of the store, and the number of the training at which the process is killed, or 0.
import { argv, kill, pid, stdout } from 'node:process'
import { directoryStore } from '../../src/store/directory/index.js'
import { tpeSampler, tune } from '../../src/tune/index.js'
import { lineDataset, lineTrainer, space, squaredError } from './line-trainer.js'

const [folder, killAt] = argv.slice(2)
let trainings = 0
const { trials, estimate } = await tune({
  ...{ space, dataset: lineDataset(), metric: squaredError, trials: 10, parallel: 3 },
  sampler: tpeSampler({ startup: 3 }),
  store: directoryStore(folder!),
  trainer: lineTrainer({
    onFit() {
      trainings += 1
      if (trainings === Number(killAt)) kill(pid, 'SIGKILL')
    },
  }),
})
const plain = trials.map(({ runId: _, ...trial }) => trial)
stdout.write(JSON.stringify({ trainings, trials: plain, estimate }))
