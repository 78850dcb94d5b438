// Two machines that share a registry and a ledger: `gpu` may only read them, `hosted` publishes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Ledger, storeLedger } from '../../src/gate/index.js'
import type { PipelineOptions } from '../../src/pipeline/index.js'
import type { Releaser } from '../../src/releaser/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import type { Store } from '../../src/store/index.js'
import { type Sample, samples, world } from './harness.js'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

export async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-two-'))
  folders.push(folder)
  return folder
}

type Changes = Partial<PipelineOptions<string, string>>

export async function twoMachines(stores: { readonly gpu?: Store; readonly hosted?: Store } = {}) {
  const { releaser, clock, pipeline } = world()
  const folder = await temporary()
  const { gpu = directoryStore(join(folder, 'gpu')), hosted = directoryStore(join(folder, 'hosted')) } = stores
  const ledger = storeLedger(directoryStore(join(folder, 'ledger')))
  const writes: string[] = []
  const provenance = async () => ({ commit: 'c0ffee', dirtyPaths: [] })
  const pipelineOn =
    (store: Store, common: Changes) =>
    (data?: readonly Sample[], changes: Changes = {}) =>
      pipeline(data ?? samples, { store, provenance, ...common, ...changes })
  return {
    folder,
    clock,
    releaser,
    /** What the first machine tried to write. */
    writes,
    /** The lines of the ledger, as `type status`. */
    ledgerLines: async () =>
      (await ledger.read(callContext())).map((entry) =>
        entry.type === 'verdict' ? `verdict ${entry.status}` : entry.type,
      ),
    onGpu: pipelineOn(gpu, { releaser: readOnlyRegistry(releaser, writes), ledger: readOnlyLedger(ledger, writes) }),
    onHosted: pipelineOn(hosted, { releaser, ledger }),
    gpu,
    hosted,
  }
}

/** A registry for a machine without a token: every write is refused, and noted. */
function readOnlyRegistry(releaser: Releaser, writes: string[]): Releaser {
  const readers = ['current', 'history', 'pending', 'channels', 'open']
  return Object.fromEntries(
    Object.entries(releaser).map(([name, member]) => [
      name,
      typeof member !== 'function' || readers.includes(name) || name === 'describe'
        ? member
        : async () => {
            writes.push(name)
            throw new Error(`no token for ${name}`)
          },
    ]),
  ) as unknown as Releaser
}

const readOnlyLedger = (ledger: Ledger, writes: string[]): Ledger => ({
  ...ledger,
  async append({ type }) {
    writes.push(`ledger ${type}`)
    throw new Error('no token for the ledger')
  },
})
