// A run that notifies a webhook, and a receiver that verifies the signature. Run: npx tsx examples/webhook-receiver.ts
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { accuracy, atLeast, Pipeline, qualityGate } from 'sheikh-freemium'
import { attachNotifiers, type Notification, webhookNotifier } from 'sheikh-freemium/notify'
import { fakeTrainer, memoryRegistry } from 'sheikh-freemium/testing'
import { exampleDataset } from './shared-samples.js'

/** Both sides know it. In a project it is a secret of the environment. */
const secret = `whsec_${randomBytes(32).toString('base64')}`
const seen = new Set<string>()

/** @param body exactly as it was received, before it is parsed. */
function isGenuine(headers: Headers, body: string): boolean {
  const [id, timestamp] = [headers.get('webhook-id') ?? '', headers.get('webhook-timestamp') ?? '']
  // An old message that somebody recorded is refused by its time, and a recent one by its id.
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) < 300)) return false
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
  const signatures = (headers.get('webhook-signature') ?? '').split(' ').filter((each) => each.startsWith('v1,'))
  const isSigned = signatures.some((each) => {
    const given = Buffer.from(each.slice(3), 'base64')
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
  if (!isSigned || seen.has(id)) return false
  seen.add(id)
  return true
}

const received: Notification[] = []
const server = createServer(async (request, response) => {
  const body = await text(request)
  const headers = new Headers(request.headers as Record<string, string>)
  const [genuine, forged] = [isGenuine(headers, body), isGenuine(headers, `${body} `)]
  if (!genuine || forged) return void response.writeHead(401).end()
  received.push(JSON.parse(body) as Notification)
  response.writeHead(204).end()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models`

const pipeline = new Pipeline({
  dataset: await exampleDataset(),
  trainer: fakeTrainer(),
  gate: qualityGate([atLeast(accuracy(), 0.5)]),
  releaser: memoryRegistry(),
})
attachNotifiers(pipeline, [webhookNotifier({ url, secret, events: ['released'] })], { project: 'example' })
await pipeline.run()
server.close()

for (const { event, title, summary, metrics } of received) console.log(event, '|', title, '|', summary, metrics)
if (received.length !== 1) throw new Error(`expected one message, and there are ${received.length}`)
