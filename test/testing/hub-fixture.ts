import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Hub, type HubOptions, startHub } from '../../src/testing/hub/index.js'

export function hubFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-hub-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Closed, and its folder gone, when the test is over. */
export async function hubForTest(options: Partial<HubOptions> = {}): Promise<Hub> {
  const hub = await startHub({ folder: options.folder ?? hubFolder(), ...options })
  onTestFinished(() => hub.close())
  return hub
}

/** One whose jobs are processes of this machine, with the programs that are here. */
export const hubWithJobs = (options: Partial<HubOptions> = {}): Promise<Hub> =>
  hubForTest({
    runJob: ({ command: [command, ...args] }) => ({
      command: command!,
      args,
      variables: { PATH: process.env['PATH']! },
    }),
    ...options,
  })

export const token = 'hf_loopback'
export const repo = 'ns/model'

/** What every function of @huggingface/hub is given. */
export const common = ({ url }: Hub) => ({ hubUrl: url, accessToken: token, repo })

/** A request of our own, for what @huggingface/hub does not send. */
export const ask = (hub: Hub, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(`${hub.url}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

/** Bytes that do not repeat, so that a part in the wrong place is found. */
export function bytesLike(seed: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  let state = seed
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

export async function collect<V>(values: AsyncIterable<V>): Promise<V[]> {
  const all: V[] = []
  for await (const value of values) all.push(value)
  return all
}
