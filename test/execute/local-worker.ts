// The module of the workers in tests of the local executor.
import { appendFile, writeFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { JobKind } from '../../src/execute/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { contractKinds } from '../../src/testing/executor-contract.js'

/** Writes its process id, works for a while, and makes an object. */
export const slow: JobKind<{ readonly path: string; readonly pauseMs: number }, number> = {
  ...{ name: 'slow', version: '1' },
  async run({ path, pauseMs }, { store, workers, ...context }) {
    await appendFile(path, `${process.pid}\n`)
    await setTimeout(pauseMs, undefined, { signal: context.signal })
    const made = await store.objects.put(new Uint8Array(1000).fill(workers), { ...context })
    return { value: process.pid, objects: { made } }
  },
}

/** Blocks its thread, so that it sees no signal and no message. */
export const busy: JobKind<{ readonly path: string }, null> = {
  ...{ name: 'busy', version: '1' },
  async run({ path }) {
    await writeFile(path, `${process.pid}`)
    for (;;) Math.sqrt(2)
  },
}

export const large: JobKind<{ readonly sizeMb: number }, number> = {
  ...{ name: 'large', version: '1' },
  async run({ sizeMb }) {
    const pieces: Buffer[] = []
    for (let piece = 0; piece < sizeMb; piece += 10) {
      pieces.push(Buffer.alloc(10 << 20, 1))
      await setTimeout(10)
    }
    return { value: pieces.length }
  },
}

export const leave: JobKind<null, null> = {
  ...{ name: 'leave', version: '1' },
  async run() {
    console.error('out of luck')
    process.exit(3)
  },
}

export const worker = ({ folder, version = '1' }: { readonly folder: string; readonly version?: string }) => ({
  store: directoryStore(folder),
  kinds: [...contractKinds, { ...slow, version }, busy, large, leave] as readonly JobKind<never, unknown>[],
})

export const noParts = () => ({ store: null })
export const failing = () => {
  throw new Error('no such bucket')
}
