import { setImmediate } from 'node:timers/promises'
import { type CallContext, SheikhError } from '../../core/index.js'
import type { FitContext, LoadContext } from '../trainer.js'
import { type Device, type DeviceName, openDevice } from './devices.js'
import { keepExamples, sizeOf } from './examples.js'
import type { TfjsModel } from './tfjs-model.js'
import { canOpenThread } from './thread/conversation.js'
import { openThread, type ThreadWork } from './thread/thread.js'
import { type LoopRequest, type Trainable, type Trained, trainLoop, yieldEveryMs } from './train-loop.js'

/** One training: examples are handed over as they are read, then learned. To be disposed, whatever came of it. */
export interface Training<Example> extends AsyncDisposable {
  /** In parts, of any size. */
  add(part: ExamplePart, examples: readonly Example[]): Promise<void>
  train(request: Omit<LoopRequest<Example>, 'examples' | 'development'>, context: FitContext): Promise<Trained>
}

export type ExamplePart = 'training' | 'development'

/** What is trained: built here, or in a thread of its own by what names it. */
export type Trainee<Example> =
  | { readonly thread: 'own'; readonly work: ThreadWork }
  | { readonly thread: 'caller'; build(): Trainable<Example> | Promise<Trainable<Example>> }

/** Whose thread works. */
export type ThreadChoice = 'own' | 'caller'

/** Only these may be opened in a second thread of a process, and keep the first one waiting. */
const threadDevices: readonly DeviceName[] = ['wasm', 'js']

/** @throws `invalid-options` where a thread of its own is asked for, and cannot be. */
export function canHaveThread({ name }: Pick<Device, 'name'>, choice: ThreadChoice | undefined): boolean {
  const can = threadDevices.includes(name) && canOpenThread()
  if (choice !== 'own' || can) return can && choice !== 'caller'
  throw new SheikhError(
    'invalid-options',
    `Cannot train in a thread of its own: ${canOpenThread() ? `the device "${name}" is the whole process's` : 'this package is bundled into another, without its files'}. Choose thread: 'caller'.`,
    { facts: { device: name } },
  )
}

/** Whether a model predicts in a separate thread: the caller wants it, and the device and the trainer's option allow it. */
export async function predictsInThread(
  device: DeviceName | 'auto',
  choice: ThreadChoice | undefined,
  context: LoadContext,
): Promise<boolean> {
  if (context.thread !== 'own' || choice === 'caller') return false
  const { name } = device === 'auto' ? await openDevice(device, context) : { name: device }
  return canHaveThread({ name }, undefined)
}

export function traineeOf<Example>(
  model: TfjsModel<never, never, Example>,
  device: Device,
  choice: ThreadChoice | undefined,
): Trainee<Example> {
  const work = threadWorkOf(model)
  if (work === undefined || !canHaveThread(device, choice)) return { thread: 'caller', build: () => model }
  return { thread: 'own', work }
}

/** Absent: no thread can build the model. */
export function threadWorkOf<Example>(model: TfjsModel<never, never, Example>): ThreadWork | undefined {
  const { module, name, version } = model
  if (module === undefined) return undefined
  if ('builtIn' in module) return { builtIn: module.builtIn, options: module.options }
  const expected = { name, version, describe: model.describe() }
  return { url: module.url, export: module.export, options: module.options, expected }
}

/** @param directory where there is room for the examples that do not fit into memory. */
export async function openTraining<Example>(
  trainee: Trainee<Example>,
  device: Device,
  directory: string,
  context: CallContext,
): Promise<Training<Example>> {
  if (trainee.thread === 'own') return openThread(trainee.work, { device: device.name, directory }, context)
  return trainingHere(await trainee.build(), device, directory)
}

export function trainingHere<Example>(
  trainable: Trainable<Example>,
  device: Device,
  directory: string,
): Training<Example> {
  const kept = { training: keepExamples<Example>(directory), development: keepExamples<Example>(directory) }
  const close = () => Promise.all([kept.training.close(), kept.development.close()])
  return {
    add: (part, examples) => kept[part].add(examples),
    async train(request, context) {
      const { training: examples, development } = kept
      const { weights, ...trained } = await trainLoop(device, trainable, { ...request, examples, development }, context)
      // Other parts may follow.
      if (request.part !== undefined) return { ...trained, weights }
      // Before anybody looks at what is in the folder.
      await close()
      return { ...trained, weights: (await trainable.finish?.(weights)) ?? weights }
    },
    async [Symbol.asyncDispose]() {
      trainable.dispose?.()
      await close()
    },
  }
}

/** Together they are handed over: as many as take about a mebibyte. */
const partBytes = 2 ** 20

/**
 * Hands examples over as they are read, some together, while the next are read; the host's event loop gets its turn.
 *
 * @param read gives each example to `keep`.
 */
export async function feed<Example, R>(
  training: Training<Example>,
  part: ExamplePart,
  { clock }: CallContext,
  read: (keep: (example: Example) => Promise<void> | undefined) => Promise<R>,
): Promise<R> {
  let waiting: Example[] = []
  let waitingBytes = 0
  let handedOver = Promise.resolve()
  let yieldedMs = clock.nowMs()
  const handOver = async () => {
    const examples = waiting
    waiting = []
    waitingBytes = 0
    await handedOver
    handedOver = training.add(part, examples)
    // Its failure is thrown by whoever waits for it next.
    handedOver.catch(() => undefined)
  }
  try {
    const result = await read((example) => {
      waiting.push(example)
      waitingBytes += sizeOf(example)
      if (waitingBytes >= partBytes) return handOver()
      if (clock.nowMs() - yieldedMs < yieldEveryMs) return undefined
      return setImmediate().then(() => {
        yieldedMs = clock.nowMs()
      })
    })
    await handOver()
    await handedOver
    return result
  } catch (error) {
    // Nothing is under way when what was opened is closed.
    await handedOver.catch(() => undefined)
    throw error
  }
}
