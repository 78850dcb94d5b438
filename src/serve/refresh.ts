import type { Release } from '../releaser/index.js'
import type { Timer } from './batcher.js'
import { Fault, stopped } from './fault.js'
import type { Follower } from './follow-channel.js'
import { inJson, object } from './operation.js'
import type { Protocol } from './protocol.js'
import { releaseSchema } from './protocols/native.js'
import type { WebhookCheck } from './webhook-check.js'

// Shorter than what senders of webhooks wait for: GitHub 10 s, the notifications of this package 10 s.
const answerAfterMs = 5000

export interface RefreshOptions {
  readonly follower: Follower
  readonly current: () => Release
  readonly webhook: WebhookCheck | undefined
  readonly isOpen: () => boolean
  readonly timer: Timer
}

/** `POST /v1/refresh`: looks at the channel now. What the body says does not count. */
export function refreshProtocol({ follower, current, webhook, isOpen, timer }: RefreshOptions): Protocol {
  const served = () => {
    const { version, bundle } = current()
    return { version, bundle }
  }
  return {
    name: 'refresh',
    routes: [
      {
        method: 'POST',
        path: '/v1/refresh',
        isBodyIgnored: true,
        ...(webhook !== undefined && { webhook }),
        operation: () => ({
          id: 'refresh',
          ...(webhook !== undefined && { description: 'A signed request needs no token.' }),
          answers: {
            200: inJson('The server answers with the release that its channel points at.', refreshed('current')),
            202: inJson('The release that the channel points at is being loaded.', refreshed('loading')),
          },
        }),
        async answer() {
          let cancel = () => {}
          const late = new Promise<'late'>((resolve) => {
            cancel = timer.after(answerAfterMs, () => resolve('late'))
          })
          const looked = await Promise.race([follower.look(), late])
          cancel()
          if (looked === 'late') return { status: 202, json: { state: 'loading', release: served() } }
          if (looked) return { json: { state: 'current', release: served() } }
          if (!isOpen()) throw stopped()
          throw new Fault(
            'refresh-failed',
            `Cannot serve the release that the channel points at. Still serving ${current().version}. See the log of the server.`,
          )
        },
      },
    ],
  }
}

const refreshed = (state: string) => object({ state: { const: state }, release: releaseSchema })
