// One model on several workers: accuracy beside one machine at equal samples, traffic, time, and a model of the time.
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadMails, picked } from '../examples/quickstart/mails.js'
import { callContext, seededRandom } from '../src/core/index.js'
import { type Executor, inProcessExecutor, localExecutor } from '../src/execute/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import type { Store } from '../src/store/index.js'
import { memoryStore } from '../src/store/memory/index.js'
import type { Trainer } from '../src/trainer/index.js'
import { dilocoKind, dilocoTrainer, textClassifier, tfjsTrainer } from '../src/trainer/tfjs/index.js'
import { type BenchRow, median, peakMemoryMb } from './bench.js'
import { drawn, perceptron, rowsOf, timed, timedSteps } from './scale-distributed-worker.js'

interface Item<I> {
  readonly input: I
  readonly target: string
}

const replicas = 4
const repeats = 3
/** Of the trainings whose accuracies are averaged: one seed alone differs from another by as much as the goal. */
const seeds = [1, 2, 3, 4, 5]
/** The default. */
const innerSteps = 50

/** Of few buckets: there are 1000 words. */
const words = textClassifier({ buckets: 2 ** 12, bigrams: false, characters: false })

export async function distributedRows(): Promise<readonly BenchRow[]> {
  const points = drawn(32, 30_000)
  return [
    ...(await accuracyRows('mails, text classifier', tfjsTrainer(textClassifier()), mails())),
    ...(await accuracyRows('100 generated classes, text classifier', tfjsTrainer(words), classes())),
    ...(await accuracyRows(
      'classes of a random network, perceptron',
      perceptron([32, 128], { epochs: 12, batchSize: 32 }),
      { training: points.slice(0, 20_000), others: points.slice(20_000) },
    )),
    ...(await timeRows()),
  ]
}

async function train<I>(trainer: Trainer<I, string>, training: readonly Item<I>[], seed = 1) {
  const directory = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  const request = { training: rowsOf(training), seed, directory }
  try {
    const { weights } = await trainer.fit(request, { ...callContext(), progress() {} })
    return { directory, weights }
  } catch (error) {
    await rm(directory, { recursive: true })
    throw error
  }
}

async function accuracyOf<I>(
  trainer: Trainer<I, string>,
  { training, others }: { readonly training: readonly Item<I>[]; readonly others: readonly Item<I>[] },
  seed: number,
) {
  const { directory, weights } = await train(trainer, training, seed)
  try {
    await using model = await trainer.load(weights, callContext())
    let right = 0
    for (let first = 0; first < others.length; first += 64) {
      const part = others.slice(first, first + 64)
      const found = await model.predict(
        part.map(({ input }) => input),
        callContext(),
      )
      right += found.filter((one, index) => one.kind === 'label' && one.label === part[index]!.target).length
    }
    return (100 * right) / others.length
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function accuracyRows<I>(
  name: string,
  trainer: Trainer<I, string>,
  data: { readonly training: readonly Item<I>[]; readonly others: readonly Item<I>[] },
): Promise<readonly BenchRow[]> {
  const alone: number[] = []
  for (const seed of seeds) alone.push(await accuracyOf(trainer, data, seed))
  const rows: BenchRow[] = []
  for (const compression of [undefined, 'int8'] as const) {
    const { store, executor: countedExecutor, traffic } = counted(memoryStore())
    await using inProcess = inProcessExecutor({ store, kinds: [dilocoKind(trainer)] })
    const executor = countedExecutor(inProcess)
    const distributed = dilocoTrainer(trainer, { executor, store, replicas, compression })
    const accuracies: number[] = []
    for (const seed of seeds) accuracies.push(await accuracyOf(distributed, data, seed))
    const [ours, one] = [moments(accuracies), moments(alone)]
    const lower = moments(alone.map((accuracy, index) => accuracy - accuracies[index]!))
    const format = compression ?? 'float32'
    const fixed = (value: number) => value.toFixed(2)
    rows.push({
      work: `accuracy of ${replicas} replicas, ${format}, mean of ${seeds.length} seeds (standard deviation ${fixed(ours.deviation)}): ${name}`,
      ...{ ours: ours.mean, peer: one.mean, unit: '%', ratio: ours.mean / one.mean },
      peerName: `one machine, the same batches (standard deviation ${fixed(one.deviation)}); difference per seed ${fixed(-lower.mean)}, standard error ${fixed(lower.deviation / Math.sqrt(seeds.length))}`,
      ...{ goal: 'at most 0.5 points lower', met: lower.mean <= 0.5, peakMemoryMb: peakMemoryMb() },
    })
    const bytes = traffic()
    const round = replicas * (bytes.weights + bytes.gradient + 2 * bytes.moments)
    rows.push({
      work: `traffic of a round of ${replicas} replicas, ${format}: ${name}`,
      ...{ ours: round / 1e3, peer: (replicas * innerSteps * 2 * bytes.weights) / 1e3, unit: 'kB' },
      peerName: `calculated: weights and gradients for each of ${innerSteps} steps`,
      ...{ ratio: (replicas * innerSteps * 2 * bytes.weights) / round, goal: 'reported', met: true },
      peakMemoryMb: peakMemoryMb(),
    })
    const parts = { 'outer gradient': bytes.gradient, moments: bytes.moments, examples: bytes.examples }
    for (const [part, size] of Object.entries(parts))
      if (size > 0)
        rows.push({
          work: `${part} of a ${part === 'examples' ? 'training, which each worker reads once' : 'replica and round'}, ${format}: ${name}`,
          ...{ ours: size / 1e3, peer: bytes.weights / 1e3, peerName: 'the weights', unit: 'kB' },
          ...{ ratio: bytes.weights / size, goal: 'reported', met: true, peakMemoryMb: peakMemoryMb() },
        })
  }
  return rows
}

/** Mean, and standard deviation with n − 1. */
function moments(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) }
}

/** Counts the bytes of the objects of a training. */
function counted(store: Store) {
  const sizes = new Map<string, number>()
  const found = { weights: 0, gradient: 0, moments: 0, examples: 0 }
  const putDirectory: Store['objects']['putDirectory'] = async (...parts) => {
    const digest = await store.objects.putDirectory(...parts)
    const { files } = await store.objects.manifest(digest, callContext())
    sizes.set(
      digest,
      files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    )
    return digest
  }
  const executor = (inner: Executor): Executor => ({
    ...inner,
    async run(job, context) {
      const result = await inner.run(job, context)
      for (const [name, digest] of Object.entries({ ...job.objects, ...result.objects }))
        found[name as keyof typeof found] = sizes.get(digest)!
      return result
    },
  })
  return { store: { ...store, objects: { ...store.objects, putDirectory } }, executor, traffic: () => found }
}

function mails() {
  const all = loadMails().map(({ text, label, body }) => ({ input: text, target: label as string, body }))
  const isOther = ({ body }: { readonly body: string }) => picked('distributed', body, 0.2)
  return { training: all.filter((mail) => !isOther(mail)), others: all.filter(isOther) }
}

/** Each text has three of its class's ten words among words of all classes. */
function classes() {
  const random = seededRandom('classes')
  const draw = (label: number) => {
    const own = Array.from({ length: 3 }, () => `w${label}x${random.below(10)}`)
    const others = Array.from({ length: 9 }, () => `w${random.below(100)}x${random.below(10)}`)
    return { input: random.shuffle([...own, ...others]).join(' '), target: `class ${label}` }
  }
  const many = (count: number) => Array.from({ length: count }, (_, index) => draw(index % 100))
  return { training: many(10_000), others: many(5000) }
}

interface Spent {
  readonly seconds: number
  /** While no job ran. */
  readonly aloneSeconds: number
}

async function timeRows(): Promise<readonly BenchRow[]> {
  const items = drawn(256, 2000)
  const cores = availableParallelism()
  const [few, some, many] = [6, 12, 30] as const
  const steps = timedSteps / replicas
  await using one = await timer(items, 1)
  await using two = await timer(items, 2)
  await using four = await timer(items, 4)
  const timers = { 1: one, 2: two, 4: four }
  const none = (): Spent[] => []
  const measured = { few: none(), many: none(), alone: none(), together: none(), 1: none(), 2: none(), 4: none() }
  const alone: number[] = []
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const startedMs = performance.now()
    const { directory } = await train(timed, items)
    alone.push((performance.now() - startedMs) / 1000)
    await rm(directory, { recursive: true })
    measured.few.push(await one.time(few))
    measured.many.push(await one.time(many))
    // In one round, the time of a replica hardly contains jobs.
    measured.alone.push(await one.time(steps))
    measured.together.push(await two.time(steps))
    for (const workers of [1, 2, 4] as const) measured[workers].push(await timers[workers].time(some))
  }
  const secondsOf = (times: readonly Spent[]) => median(times.map(({ seconds }) => seconds))
  const aloneOf = (times: readonly Spent[]) => median(times.map(({ aloneSeconds }) => aloneSeconds))
  const busyOf = (times: readonly Spent[]) => secondsOf(times) - aloneOf(times)
  // One worker: busy = replicas × (steps × step + rounds × job), and the rest = once + rounds × round.
  const [fewRounds, manyRounds] = [steps / few, steps / many]
  const job = (busyOf(measured.few) - busyOf(measured.many)) / replicas / (fewRounds - manyRounds)
  const step = (busyOf(measured.many) / replicas - manyRounds * job) / steps
  const round = (aloneOf(measured.few) - aloneOf(measured.many)) / (fewRounds - manyRounds)
  const once = aloneOf(measured.many) - manyRounds * round
  /** How much slower a replica is while another one trains beside it: cores share caches, memory and often a clock. */
  const beside = (2 * busyOf(measured.together)) / busyOf(measured.alone)
  const predicted = (workers: number, coresOfWorkers = cores) => {
    const [rounds, atOnce] = [steps / some, Math.min(workers, coresOfWorkers)]
    const slower = atOnce === 1 || coresOfWorkers > cores ? 1 : beside
    return once + rounds * round + Math.ceil(replicas / atOnce) * slower * (steps * step + rounds * job)
  }
  const common = { goal: 'reported', met: true, peakMemoryMb: peakMemoryMb() }
  const onOne = secondsOf(measured[1])
  return [
    {
      work: `${replicas} replicas on one local worker, ${some} steps a round`,
      ...{ ours: onOne, peer: median(alone), peerName: 'the trainer alone, as many steps', unit: 's' },
      ...{ ratio: median(alone) / onOne, ...common },
    },
    ...([2, 4] as const).map((workers) => ({
      work: `${replicas} replicas on ${workers} local workers, ${cores} cores`,
      ...{ ours: secondsOf(measured[workers]), peer: onOne, peerName: 'one worker', unit: 's' },
      ...{ ratio: onOne / secondsOf(measured[workers]), ...common },
    })),
    ...([1, 2, 4] as const).map((workers) => ({
      work: `time by the model, workers: ${workers}, from one worker with ${few} and ${many} steps a round`,
      ...{ ours: predicted(workers), peer: secondsOf(measured[workers]), peerName: 'measured', unit: 's' },
      ...{ ratio: secondsOf(measured[workers]) / predicted(workers), ...common },
    })),
    {
      work: `time by the model, ${replicas} workers with a core each`,
      ...{ ours: predicted(replicas, replicas), peer: predicted(1), peerName: 'one worker, by the model', unit: 's' },
      ...{ ratio: predicted(1) / predicted(replicas, replicas), ...common, goal: 'calculated' },
    },
    {
      work: `time of ${replicas} replicas on two local workers, all steps in one round`,
      ...{ ours: busyOf(measured.together), peer: busyOf(measured.alone) / 2, unit: 's' },
      ...{ peerName: 'half of the time on one worker', ratio: 1 / beside, ...common },
    },
    ...Object.entries({ step, job, round }).map(([name, seconds]) => ({
      work: `the model's time of a ${name}`,
      ...{
        ours: 1000 * seconds,
        peer: 1000 * step,
        peerName: 'of a step',
        unit: 'ms',
        ratio: step / seconds,
        ...common,
      },
    })),
  ]
}

/** Trainings on so many processes, which have started and trained once. */
async function timer(items: readonly Item<readonly number[]>[], workers: number) {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  const store = directoryStore(folder)
  const module = new URL('./scale-distributed-worker.ts', import.meta.url)
  const local = localExecutor({ store, workers, worker: { module, options: { folder } } })
  let [running, busyMs, sinceMs] = [0, 0, 0]
  const executor: Executor = {
    ...local,
    async run(job, context) {
      if (running === 0) sinceMs = performance.now()
      running += 1
      try {
        return await local.run(job, context)
      } finally {
        running -= 1
        if (running === 0) busyMs += performance.now() - sinceMs
      }
    },
  }
  async function time(stepsOfRound: number): Promise<Spent> {
    busyMs = 0
    const startedMs = performance.now()
    const trainer = dilocoTrainer(timed, { executor, store, replicas, innerSteps: stepsOfRound })
    const { directory } = await train(trainer, items)
    const spentMs = performance.now() - startedMs
    await rm(directory, { recursive: true })
    return { seconds: spentMs / 1000, aloneSeconds: (spentMs - busyMs) / 1000 }
  }
  async function dispose() {
    await local[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  }
  try {
    await time(timedSteps)
  } catch (error) {
    await dispose()
    throw error
  }
  return { time, [Symbol.asyncDispose]: dispose }
}
