import { spawn } from 'node:child_process'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type HubResponse, refuse } from './answer.js'
import { demandWrite } from './authorise.js'
import type { RepositoryExchange } from './exchange.js'

const services = ['git-upload-pack', 'git-receive-pack'] as const
type Service = (typeof services)[number]

export const isService = (text: string): text is Service => services.some((one) => one === text)

/**
 * Git's own protocol, spoken by Git itself where it is installed: `git clone`, `fetch` and `push`.
 * https://git-scm.com/docs/http-protocol
 */
export async function advertiseRefs(exchange: RepositoryExchange): Promise<HubResponse> {
  const service = exchange.url.searchParams.get('service') ?? ''
  if (!isService(service)) throw refuse(403, 'Only the smart protocol of Git is spoken here')
  if (service === 'git-receive-pack') demandWrite(exchange)
  const said = await gather(await run(exchange, service, '--advertise-refs', []))
  const head = `# service=${service}\n`
  const size = (head.length + 4).toString(16).padStart(4, '0')
  return answer(`${service}-advertisement`, Buffer.concat([Buffer.from(`${size}${head}0000`), said]))
}

export async function speakGit(exchange: RepositoryExchange, service: Service): Promise<HubResponse> {
  const { world, repository, body, headers } = exchange
  const isPacked = headers['content-encoding'] === 'gzip'
  // Whoever reads what it gives is told when it breaks.
  const input = isPacked ? pipeline(Readable.from(body), createGunzip(), () => {}) : body
  if (service === 'git-upload-pack') {
    // What is wished for is short, and has to be read before the answer begins.
    const output = await run(exchange, service, '--strict', [await gather(input)])
    return answer(`${service}-result`, { open: () => output })
  }
  demandWrite(exchange)
  // A push is over when Git has said so.
  return world.repositories.exclusive(repository, async () =>
    answer(`${service}-result`, await gather(await run(exchange, service, undefined, input))),
  )
}

const answer = (type: string, body: NonNullable<HubResponse['body']>): HubResponse => ({
  status: 200,
  headers: { 'content-type': `application/x-${type}`, 'cache-control': 'no-cache' },
  body,
})

async function run(
  { repository }: RepositoryExchange,
  service: Service,
  option: string | undefined,
  input: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<AsyncIterable<Uint8Array>> {
  const parts = [service.slice('git-'.length), '--stateless-rpc', ...(option ? [option] : []), repository.gitdir]
  const child = spawn('git', parts, { stdio: ['pipe', 'pipe', 'ignore'] })
  await new Promise((done, fail) => child.once('spawn', done).once('error', fail)).catch((error) => {
    throw error.code === 'ENOENT' ? refuse(501, 'Git is not installed where this loopback Hub runs') : error
  })
  // Git that has heard enough closes its input.
  child.stdin.on('error', () => {})
  const source = Readable.from(input)
  source.on('error', () => child.kill())
  source.pipe(child.stdin)
  return child.stdout
}

async function gather(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  return Buffer.concat(pieces)
}
