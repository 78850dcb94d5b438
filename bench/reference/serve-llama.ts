// A server of a Llama with random weights in a process of its own. Sends its address. Asked for `delay`, it begins to measure
// the delay of its event loop; asked for anything else, it sends the 99th percentile since then, and its peak memory.
//   own | caller    the thread that the model predicts in
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { callContext } from '../../src/core/index.js'
import { readWeightsDirectory } from '../../src/model/index.js'
import type { ReleasedModel } from '../../src/releaser/index.js'
import { serve } from '../../src/serve/index.js'
import { llamaTrainer } from '../../src/trainer/tfjs/index.js'
import { makeBase, tinyConfig } from '../../test/trainer/llama/base.js'
import { peakMemoryMb } from '../bench.js'

const folder = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
// That of `bench -- pytorch`, with the vocabulary of the tests' tokenizer.
const config = {
  ...{ ...tinyConfig, hidden_size: 128, intermediate_size: 342, num_attention_heads: 4, num_key_value_heads: 4 },
  max_position_embeddings: 128,
}
const base = await makeBase(folder, { config })
const trainer = llamaTrainer({ base, answer: { kind: 'text', temperature: 1 } })
const model = await trainer.load(await readWeightsDirectory(base.directory, callContext()), {
  ...callContext(),
  thread: process.argv[2] === 'caller' ? 'caller' : 'own',
})
const release = { version: '0.1.0', bundle: base.digest } as ReleasedModel<string>['release']
const served: ReleasedModel<string> = {
  ...{ release, digest: model.digest },
  predict: (inputs, parts) => model.predict(inputs, callContext(parts)),
  generate: (prompt, options = {}, parts = {}) => model.generate!(prompt, options, callContext(parts)),
  [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
}
const { url } = await serve({ model: served, port: 0 })
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
process.on('message', (message) => {
  if (message === 'delay') delay.reset()
  else process.send!({ peakMb: peakMemoryMb(), delayMs: delay.percentile(99) / 1e6 })
})
process.send!({ url })
