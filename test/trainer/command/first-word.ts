// What tests of `first-word.mjs` share: its rows, and the processes whose ids it leaves in a file.
import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { digestJson } from '../../../src/core/index.js'
import type { Rows } from '../../../src/model/index.js'

export const program = 'first-word.mjs'

export const samples = ['apple', 'pear', 'car', 'bus'].map((word, index) => ({
  id: `${index}`,
  input: `${word} pie`,
  target: index < 2 ? 'fruit' : 'vehicle',
  slices: {},
}))

export const rows: Rows = {
  size: samples.length,
  digest: digestJson('rows'),
  async *[Symbol.asyncIterator]() {
    yield* samples
  },
}

const alive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

export async function pidsIn(file: string): Promise<number[]> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith(']')) return JSON.parse(text)
    await setTimeout(20)
  }
}

export async function allGone(pids: readonly number[]): Promise<void> {
  while (pids.some(alive)) await setTimeout(20)
}
