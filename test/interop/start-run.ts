import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** Starts `sheikh run --retrain` from the sources, in a process of its own. */
export function startRun(folder: string): ChildProcess {
  const tsx = join(root, 'node_modules/tsx/dist/loader.mjs')
  const main = join(root, 'src/cli/main.ts')
  const argv = ['--import', tsx, '--conditions=sheikh-source', main, 'run', '--retrain', '--project', folder]
  return spawn(process.execPath, argv, { stdio: 'ignore' })
}
