// A cluster over TLS: docs/cluster.md, "Security".
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setUpRedis } from '../../examples/cluster/redis-server.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { project, type Started, start, temporary } from '../cli/harness.js'
import {
  type Certificate,
  makeCertificate,
  postgresPrograms,
  type QueueServer,
  startPostgres,
  startRedis,
} from './queue-servers.js'

const folder = await temporary()
// PostgreSQL reads the certificate as another user.
chmodSync(folder, 0o755)
const made = makeCertificate(folder)
const tls = made as Certificate

describe.each([
  {
    ...{ kind: 'redis', host: '127.0.0.1', wrongHost: 'localhost', query: '' },
    missing: setUpRedis(),
    serve: () => startRedis({ password: 'right-password', tls }),
  },
  {
    ...{ kind: 'postgres', host: '127.0.0.1', wrongHost: 'localhost', query: '?sslmode=verify-full' },
    missing: postgresPrograms() === undefined ? 'there is no PostgreSQL' : undefined,
    serve: () => startPostgres({ tls }),
  },
])('a cluster over TLS ($kind)', ({ kind, host, wrongHost, query, missing, serve }) => {
  const reason = typeof made === 'string' ? made : missing
  if (reason !== undefined) console.log(`Skipped: ${reason}.`)

  describe.skipIf(reason !== undefined)('', () => {
    let server: QueueServer
    const workers: Started[] = []
    beforeAll(async () => {
      server = await serve()
    })
    afterAll(async () => {
      for (const { child } of workers) child.kill('SIGKILL')
      await Promise.all(workers.map(({ ended }) => ended))
      await server?.dispose()
    })
    const trusted = { QUEUE_PASSWORD: 'right-password', NODE_EXTRA_CA_CERTS: tls.certificate }
    const queueAt = (at: string) => [
      ...[`--${kind}`, server.url.replace(':right-password@', kind === 'redis' ? '' : '@').replace(host, at) + query],
      ...['--password-env', 'QUEUE_PASSWORD'],
    ]

    it('does the jobs of a run', async () => {
      const root = await project()
      const worker = start(root, ['worker', ...queueAt(host)], { env: trusted })
      workers.push(worker)
      await worker.says('does one job at a time')
      const { code, out, err } = await start(root, ['run', '--json', ...queueAt(host)], { env: trusted }).ended
      expect(code, err).toBe(0)
      const { runId } = JSON.parse(out) as { readonly runId: string }
      expect(await directoryStore(join(root, '.sheikh')).runs.read(runId)).toMatchObject({ status: 'released' })
      worker.child.kill('SIGTERM')
      expect((await worker.ended).out).toContain('Jobs: 1 answered')
    })

    it.each<[string, string, Readonly<Record<string, string>>, RegExp]>([
      ['a certificate that nobody trusts', host, { QUEUE_PASSWORD: 'right-password' }, /self-signed certificate/],
      ['a certificate of another host', wrongHost, trusted, /certificate|altnames/],
    ])('refuses %s, and sends no password', async (_, at, env, fact) => {
      const root = await project()
      const { code, err } = await start(root, ['run', ...queueAt(at)], { env }).ended
      expect(code).toBe(1)
      expect(err).toMatch(fact)
      expect(err).toMatch(/the TLS connection to .* failed .*NODE_EXTRA_CA_CERTS/)
      expect(err).not.toContain('right-password')
    })
  })
})
