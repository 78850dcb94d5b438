// A program as a job of Slurm, on a cluster of one node.
import { join } from 'node:path'
import { afterAll, beforeAll, it } from 'vitest'
import { launchers, launcherTests } from './command-launcher.js'
import { type SlurmCluster, slurmIsThere, startSlurm } from './slurm.js'

if (!slurmIsThere()) {
  console.log(
    'Skipped: Slurm is not installed, or this is not root. npm run setup:interop installs it, or says why it cannot',
  )
  it.skip('Slurm behind commandTrainer')
} else {
  let cluster: SlurmCluster
  beforeAll(async () => {
    cluster = await startSlurm()
  }, 120_000)
  afterAll(() => cluster?.stop(), 120_000)
  launcherTests('Slurm', () => ({
    fit: ['sh', join(launchers, 'slurm.sh'), 'python3', 'command-train.py'],
    environment: { ...process.env, SLURM_CONF: cluster.configuration },
    env: ['SLURM_CONF'],
  }))
}
