import type { Json } from '../../core/index.js'
import { type HubResponse, json, refuse } from './answer.js'
import { demandWrite, roleOf } from './authorise.js'
import { type Exchange, fieldsOf, listOf, textOf } from './exchange.js'
import type { JobRequest, RunningJob } from './jobs.js'

/** Below `/api/jobs/{namespace}`. */
export async function jobRoute(exchange: Exchange, parts: readonly string[]): Promise<HubResponse> {
  const { method, world } = exchange
  const [namespace, id, verb = ''] = parts
  if (roleOf(exchange) === 'none') throw refuse(401, 'Invalid username or password.')
  if (namespace === undefined || parts.length > 3) throw notFound()
  if (method !== 'GET') demandWrite(exchange)
  if (id === undefined) {
    if (method === 'POST') return json(200, world.jobs.start(await requested(exchange, namespace)).describe())
    return json(
      200,
      world.jobs.of(namespace).map((job) => job.describe()),
    )
  }
  const job = world.jobs.find(namespace, id)
  if (job === undefined) throw refuse(404, 'Job not found')
  const address = `${method} ${verb}`
  if (address === 'GET ') return json(200, job.describe())
  if (address === 'GET logs') return logs(job)
  if (address !== 'POST cancel') throw notFound()
  await job.cancel()
  return json(200, job.describe())
}

async function requested(exchange: Exchange, namespace: string): Promise<JobRequest> {
  const fields = await fieldsOf(exchange)
  const { attempts = 1, timeoutSeconds } = fields
  const dockerImage = textOf(fields['dockerImage'])
  const command = listOf(fields['command']).map(String)
  // What would change what runs is refused: passed over, it would look as if it worked.
  if (fields['spaceId'] !== undefined || fields['volumes'] !== undefined || attempts !== 1)
    throw refuse(501, 'This loopback Hub runs jobs of an image, without volumes, once')
  if (dockerImage === undefined || command.length === 0) throw refuse(400, '"dockerImage" and "command" are needed')
  return {
    namespace,
    dockerImage,
    command: [...command, ...listOf(fields['arguments']).map(String)],
    flavor: textOf(fields['flavor']) ?? 'cpu-basic',
    environment: textsOf(fields['environment']),
    secrets: textsOf(fields['secrets']),
    labels: textsOf(fields['labels']),
    timeoutSeconds: typeof timeoutSeconds === 'number' ? timeoutSeconds : undefined,
  }
}

const textsOf = (value: Json | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries((value ?? {}) as object).map(([name, text]) => [name, String(text)]))

/** Server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
const logs = (job: RunningJob): HubResponse => ({
  status: 200,
  headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  body: {
    async *open() {
      for await (const line of job.logs()) yield Buffer.from(`data: ${JSON.stringify({ type: 'log', ...line })}\n\n`)
    },
  },
})

const notFound = () => refuse(404, 'Sorry, we cannot find that')
