// A server of the mail classifier in a process of its own. Arguments: "ours" or "naive", and the folder of the registry. Sends
// its address and the median time of predicting one mail without a server; asked for anything, its peak memory.
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
const trainer = tfjsTrainer(textClassifier())
const model = await loadRelease(directoryRegistry(folder!), { trainer })
const url = kind === 'ours' ? (await serve({ model, port: 0 })).url : await serveNaively(model)
process.on('message', () => process.send!({ peakMb: peakMemoryMb() }))
process.send!({ url, bareMs: await bareMs(model) })

/** One request, one call of the model. */
async function serveNaively(one: ReleasedModel<string>): Promise<string> {
  const server = createServer((request, response) => {
    void readText(request).then(async (body) => {
      const { inputs } = JSON.parse(body) as { readonly inputs: readonly string[] }
      const answer = JSON.stringify({ predictions: await one.predict(inputs) })
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function bareMs(one: ReleasedModel<string>): Promise<number> {
  const times: number[] = []
  for (const { text } of loadMails().slice(0, 500)) {
    const startedMs = performance.now()
    await one.predict([text])
    times.push(performance.now() - startedMs)
  }
  return median(times)
}
