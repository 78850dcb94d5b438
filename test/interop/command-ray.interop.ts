// A program as a job of Ray, on a cluster of one node.
import { join } from 'node:path'
import { afterAll, beforeAll, it } from 'vitest'
import { launchers, launcherTests } from './command-launcher.js'
import { type RayHead, rayPrograms, startRay } from './ray.js'

const programs = rayPrograms()
if (programs === undefined) {
  console.log('Skipped: Ray is not installed. npm run setup:interop installs it, or says why it cannot')
  it.skip('Ray behind commandTrainer')
} else {
  let head: RayHead
  beforeAll(async () => {
    head = await startRay()
  }, 120_000)
  afterAll(() => head?.stop(), 120_000)
  launcherTests('Ray', () => ({
    fit: ['sh', join(launchers, 'ray.sh'), 'python3', 'command-train.py'],
    environment: {
      ...process.env,
      PATH: `${programs}:${process.env['PATH']}`,
      RAY_API_SERVER_ADDRESS: head.address,
    },
    env: ['RAY_API_SERVER_ADDRESS'],
  }))
}
