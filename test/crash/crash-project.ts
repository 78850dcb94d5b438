// A project on disk that the crash tests interrupt: in this process, or, bundled for walk-run.mjs, in one that is killed.
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { callContext } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, type Ledger, noRegression, qualityGate, storeLedger } from '../../src/gate/index.js'
import { Pipeline } from '../../src/pipeline/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import type { FileSystem, HostProcesses, Store } from '../../src/store/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'

/**
 * `second` trains on better data than `first`; `warm` starts from the release of `first`; `rollback` leaves that of `second`;
 * `apart` runs `second` until its verdict, and then releases it.
 */
export type CrashStep = 'first' | 'second' | 'warm' | 'rollback' | 'apart'

export interface CrashProject {
  readonly folder: string
  readonly step: CrashStep
  /** Another store beside the same registry and ledger, as a second machine has one. @default that of the ledger */
  readonly store?: string | undefined
  /** @default 0 */
  readonly seed?: number | undefined
  readonly fileSystem?: FileSystem | undefined
  readonly processes?: HostProcesses | undefined
}

const samples = ['apple', 'pear', 'car', 'bus'].flatMap((word, kind) =>
  Array.from({ length: 30 }, (_, index) => ({
    id: `${word}-${index}`,
    text: `${word} ${index}`,
    label: kind < 2 ? 'fruit' : 'vehicle',
  })),
)

/** The data of a step. Also bundled for release-program.mjs. */
export async function crashDataset(step: CrashStep) {
  const pinned = proposePinnedSet(
    await new Dataset({ source: memorySamples(samples), input: 'text', target: 'label' }).identities(),
    { salt: 'crash', share: 0.5 },
  )
  const isPinned = new Set(pinned.items.map(({ id }) => id))
  // The first batch is worse than the second: apples were taken for vehicles.
  const worse = samples.map((sample) =>
    sample.id.startsWith('apple') && !isPinned.has(sample.id) ? { ...sample, label: 'vehicle' } : sample,
  )
  return new Dataset({
    source: memorySamples(step === 'first' ? worse : samples),
    input: 'text',
    target: 'label',
    evaluation: pinnedSet(pinned),
  })
}

export async function walkCrashProject(project: CrashProject) {
  const { folder, step, store, seed = 0, fileSystem, processes } = project
  const writing = { fileSystem, processes }
  const releaser = directoryRegistry(join(folder, 'releases'), writing)
  const firstRelease = async () => {
    for await (const { version, bundle } of releaser.history(callContext()))
      if (version === '0.1.0') return { version, digest: bundle, replayShare: 0.5 }
    return undefined
  }
  const pipeline = new Pipeline({
    dataset: await crashDataset(step),
    trainer: fakeTrainer(),
    base: step === 'warm' ? await firstRelease() : undefined,
    gate: qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy(), { margin: 0.1 })]),
    releaser,
    store: directoryStore(join(folder, store ?? '.sheikh'), writing),
    ...(store !== undefined && { ledger: sharedLedger(directoryStore(join(folder, '.sheikh'), writing)) }),
    seed,
  })
  const apart = async () => {
    const awaiting = await pipeline.run({ until: 'verdict' })
    return awaiting.status === 'awaiting-release' ? pipeline.release({ runId: awaiting.runId }) : awaiting
  }
  const result =
    step === 'rollback'
      ? await pipeline.rollback({ reason: 'tried', by: 'Ada' })
      : step === 'apart'
        ? await apart()
        : await pipeline.run()
  return {
    status: result.status as string,
    reason: 'reason' in result ? result.reason : undefined,
    version: 'release' in result ? result.release?.version : undefined,
  }
}

/** A directory's journal has one writer at a time: the holder of the store's lock. */
function sharedLedger(store: Store): Ledger {
  const ledger = storeLedger(store)
  const locked = async <V>(work: () => Promise<V>): Promise<V> => {
    for (;;) {
      const lock = await store.lock('ledger', callContext()).catch((error: { readonly code?: string }) => {
        if (error.code !== 'locked') throw error
      })
      if (lock !== undefined) return await work().finally(() => lock.release())
      await setTimeout(5)
    }
  }
  return {
    ...ledger,
    name: 'shared',
    read: (context) => locked(() => ledger.read(context)),
    append: (event, context) => locked(() => ledger.append(event, context)),
  }
}
