// A Python program as a job of Hugging Face, on a loopback Hub that runs jobs as processes of this machine.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { type Hub, startHub } from '../../src/testing/hub/index.js'
import { launchers, launcherTests } from './command-launcher.js'

let folder: string
let hub: Hub
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-hub-'))
  hub = await startHub({
    folder,
    runJob: ({ command: [command, ...args] }) => ({
      command: command!,
      args,
      variables: { PATH: process.env['PATH']! },
    }),
  })
})
afterAll(async () => {
  await hub?.close()
  await rm(folder, { recursive: true, force: true })
})

const options = ['--repository', 'me/jobs', '--image', 'python:3.12'] as const
launcherTests('Jobs of Hugging Face', () => ({
  fit: ['node', join(launchers, 'huggingface-jobs.mjs'), ...options, '--', 'python3', 'command-train.py'],
  environment: { ...process.env, HF_TOKEN: 'hf_loopback', HF_ENDPOINT: hub.url },
  env: ['HF_TOKEN', 'HF_ENDPOINT'],
}))
