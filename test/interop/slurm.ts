import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ray.js'

const programs = ['sbatch', 'slurmctld', 'slurmd', 'munged']
const environment = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }

export const slurmIsThere = (): boolean =>
  process.getuid?.() === 0 &&
  programs.every((name) => spawnSync('which', [name], { env: environment, stdio: 'ignore' }).status === 0)

/** @returns in words why it cannot be had. */
export function setUpSlurm(): string | undefined {
  if (slurmIsThere()) return undefined
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return 'Slurm is not installed, or this is not root: apt-get install slurm-wlm munge'
  try {
    execFileSync('apt-get', ['install', '--yes', '--no-install-recommends', 'slurm-wlm', 'munge'], { stdio: 'ignore' })
  } catch (error) {
    return `Slurm cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
  return slurmIsThere() ? undefined : 'Slurm was installed, and its programs are not there'
}

export interface SlurmCluster {
  /** For `SLURM_CONF`. */
  readonly configuration: string
  stop(): Promise<void>
}

/** A cluster of one node on 127.0.0.1, with a key of its own; nothing of the machine's is read. */
export async function startSlurm(): Promise<SlurmCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'slurm-'))
  const at = (name: string) => join(folder, name)
  await mkdir(at('state'))
  await mkdir(at('spool'))
  await writeFile(at('key'), randomBytes(128), { mode: 0o400 })
  const configuration = at('slurm.conf')
  const node = hostname()
  await writeFile(
    configuration,
    `ClusterName=sheikh
SlurmctldHost=${node}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=${at('munge.sock')}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmUser=root
ReturnToService=2
KillWait=5
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('slurmctld.pid')}
SlurmdPidFile=${at('slurmd.pid')}
SlurmctldPort=${await freePort()}
SlurmdPort=${await freePort()}
NodeName=${node} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`,
  )
  const env = { ...environment, SLURM_CONF: configuration }
  let said = ''
  const start = (command: string, parts: readonly string[]) => {
    const child = spawn(command, parts, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (said += piece))
    return { child, ended: new Promise<void>((resolve) => child.once('close', () => resolve())) }
  }
  const socket = ['--socket', at('munge.sock'), '--key-file', at('key'), '--pid-file', at('munged.pid')]
  const log = ['--log-file', at('munged.log'), '--seed-file', at('seed')]
  const daemons = [
    start('munged', ['--force', '--foreground', ...socket, ...log]),
    start('slurmctld', ['-D']),
    start('slurmd', ['-D', '-N', node]),
  ]
  const stop = async () => {
    for (const { child, ended } of daemons.reverse()) {
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await ended
      clearTimeout(killer)
    }
    await rm(folder, { recursive: true, force: true })
  }
  for (let attempt = 0; attempt < 120; attempt += 1) {
    const { stdout } = spawnSync('sinfo', ['--noheader', '--format', '%T'], { env, encoding: 'utf8' })
    if (stdout.trim() === 'idle') return { configuration, stop }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  await stop()
  throw new Error(`Slurm did not start within a minute:\n${said.slice(-2_000)}`)
}
