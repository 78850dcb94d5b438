// A server of the mail classifier in a process of its own. Arguments: "ours", "naive" or "empty", which predicts nothing, and the
// folder of the registry. Sends its address and the median time of predicting one mail without a server; asked for anything, its memory.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { text as readText } from 'node:stream/consumers'
import { loadMails } from '../../examples/quickstart/mails.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { loadRelease, type ReleasedModel } from '../../src/releaser/index.js'
import { serve } from '../../src/serve/index.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { median, peakMemoryMb } from '../bench.js'

const [kind, folder] = process.argv.slice(2)
const from = { registry: directoryRegistry(folder!), trainer: tfjsTrainer(textClassifier()) }
const url =
  kind === 'ours' ? (await serve({ ...from, pollMs: 100, port: 0 })).url : await serveNaively(kind === 'empty')
process.on('message', () => process.send!({ peakMb: peakMemoryMb(), rssMb: process.memoryUsage().rss / 1e6 }))
process.send!({ url, bareMs: await bareMs() })

/** One request, one call of the model, or always the same answer. */
async function serveNaively(isEmpty: boolean): Promise<string> {
  const model = await loadRelease(from.registry, from)
  const server = createServer((request, response) => {
    void readText(request).then(async (body) => {
      const { inputs } = JSON.parse(body) as { readonly inputs: readonly string[] }
      const predictions = isEmpty ? [{ kind: 'label', label: 'ham' }] : await model.predict(inputs)
      const answer = JSON.stringify({ predictions })
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function bareMs(): Promise<number> {
  await using model: ReleasedModel<string> = await loadRelease(from.registry, from)
  const times: number[] = []
  for (const { text } of loadMails().slice(0, 500)) {
    const startedMs = performance.now()
    await model.predict([text])
    times.push(performance.now() - startedMs)
  }
  return median(times)
}
