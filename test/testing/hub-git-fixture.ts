import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Hub } from '../../src/testing/hub/index.js'
import { repo } from './hub-fixture.js'

const run = promisify(execFile)

/** Nothing of the user's Git, and no question to anybody. */
export function gitIn(folder: string) {
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: 'Ann',
    GIT_AUTHOR_EMAIL: 'ann@localhost',
    GIT_COMMITTER_NAME: 'Ann',
    GIT_COMMITTER_EMAIL: 'ann@localhost',
  }
  return async (...parts: readonly string[]) => (await run('git', parts, { cwd: folder, env })).stdout.trim()
}

/** With the password in it. */
export const addressOf = (hub: Hub, password: string) => `${hub.url.replace('://', `://ann:${password}@`)}/${repo}`
