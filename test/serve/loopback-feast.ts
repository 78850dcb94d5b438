import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Json } from '../../src/core/index.js'

export interface Asked {
  readonly features: readonly string[]
  readonly entities: Readonly<Record<string, readonly Json[]>>
  readonly full_feature_names: boolean
}

/** A server that answers as Feast does: driver 1 has values, driver 2 has an old one, and others have none. */
export const asFeast = ({ entities, features }: Asked) => {
  const ids = entities['driver_id']!
  const vector = (value: Json) => ({
    values: ids.map((id) => (id === 1 || id === 2 ? value : null)),
    statuses: ids.map((id) => (id === 1 ? 'PRESENT' : id === 2 ? 'OUTSIDE_MAX_AGE' : 'NOT_FOUND')),
  })
  const names = features.map((name) => name.replace(':', '__'))
  const own = { values: ids, statuses: ids.map(() => 'PRESENT') }
  return {
    metadata: { feature_names: ['driver_id', ...names] },
    results: [own, ...names.map((_, at) => vector(at + 0.5))],
  }
}

export async function feastServer(answer: (asked: Asked, call: number, response: ServerResponse) => unknown = asFeast) {
  const asked: {
    readonly body: Asked
    readonly url: string | undefined
    readonly authorization: string | undefined
  }[] = []
  const listener = createServer(async (request: IncomingMessage, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const body = JSON.parse(Buffer.concat(pieces).toString('utf8')) as Asked
    asked.push({ body, url: request.url, authorization: request.headers.authorization })
    const given = await answer(body, asked.length, response)
    if (!response.writableEnded && given !== undefined)
      response
        .setHeader('content-type', 'application/json')
        .end(typeof given === 'string' ? given : JSON.stringify(given))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    listener.closeAllConnections()
    listener.close()
  })
  return { asked, url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}` }
}
