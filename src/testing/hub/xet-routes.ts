import { type Answer, refuse } from './answer.js'
import type { Exchange } from './exchange.js'

export async function casRoute(_exchange: Exchange, _path: readonly string[]): Promise<Answer> {
  throw refuse(404, 'Not found')
}
