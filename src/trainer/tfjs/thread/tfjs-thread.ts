// The thread of a training or of a loaded model: builds it, trains or predicts.
import { parentPort } from 'node:worker_threads'
import { type CallContext, callContext, isSheikhError, messageOf, SheikhError } from '../../../core/index.js'
import type { Model } from '../../../model/index.js'
import { type Device, openDevice } from '../devices.js'
import type { LlamaTrainerOptions } from '../llama/llama-options.js'
import { llamaTrainee } from '../llama/llama-trainee.js'
import { llamaTrainer } from '../llama/llama-trainer.js'
import { textClassifier } from '../text-classifier.js'
import type { TfjsModel } from '../tfjs-model.js'
import { tfjsTrainer } from '../tfjs-trainer.js'
import type { Trainable } from '../train-loop.js'
import { type Training, trainingHere } from '../training.js'
import {
  type Question,
  type Said,
  type ThreadMessage,
  type ThreadMessageBack,
  type ThreadReply,
  toFailure,
} from './messages.js'
import type { ModelFacts } from './model-thread.js'
import { packPredictions } from './packed-predictions.js'
import type { ThreadWork } from './thread.js'

const port = parentPort!

/** Says something about one question. */
type Say = (reply: ThreadReply, transfer?: readonly ArrayBuffer[]) => void

interface Open {
  readonly device: Device
  readonly tensorsBefore: number
  readonly training?: Training<unknown>
  readonly model?: Model<unknown>
}

let open: Open | undefined
let lastAnswered = Promise.resolve()
const unanswered = new Map<number, AbortController>()

port.on('message', (message: ThreadMessage) => {
  const { id } = message
  if (message.kind === 'abort') {
    unanswered.get(id)?.abort(new Error('aborted'))
    return
  }
  const { question } = message
  unanswered.set(id, new AbortController())
  if (question.kind === 'generate') void answer(id, question)
  else lastAnswered = lastAnswered.then(() => answer(id, question))
})

/** Parts of texts that wait for the end of this turn: one pass of the model gives a part of each text. */
let parts: Said[] = []

function sendParts(): void {
  const message: ThreadMessageBack = parts
  parts = []
  if (message.length > 0) port.postMessage(message)
}

async function answer(id: number, question: Question): Promise<void> {
  const say: Say = (reply, transfer = []) => {
    if (reply.kind === 'part') {
      // After all promises that are settled now.
      if (parts.length === 0) process.nextTick(sendParts)
      parts.push({ id, reply })
      return
    }
    sendParts()
    port.postMessage([{ id, reply }] satisfies ThreadMessageBack, transfer)
  }
  try {
    const { value, transfer } = await answers(question, say, contextOf(unanswered.get(id)!.signal, say))
    say({ kind: 'done', value }, transfer)
  } catch (error) {
    say({ kind: 'failed', failure: toFailure(error) })
  } finally {
    unanswered.delete(id)
  }
}

async function answers(
  question: Question,
  say: Say,
  context: CallContext,
): Promise<{ readonly value?: unknown; readonly transfer?: readonly ArrayBuffer[] }> {
  switch (question.kind) {
    case 'open': {
      const device = await openDevice(question.device, context)
      const tensorsBefore = device.tf.memory().numTensors
      const trainable = await build(question.work, device, context)
      open = { training: trainingHere(trainable, device, question.directory), device, tensorsBefore }
      return {}
    }
    case 'add':
      await open!.training!.add(question.part, question.examples)
      return {}
    case 'train': {
      const progress = (report: Extract<ThreadReply, { kind: 'progress' }>['progress']) =>
        say({ kind: 'progress', progress: report })
      const value = await open!.training!.train(question.request, { ...context, progress })
      const arrays = [value.weights, value.moments ?? {}].flatMap((values) => Object.values(values))
      return { value, transfer: arrays.map(({ buffer }) => buffer as ArrayBuffer) }
    }
    case 'load': {
      const device = await openDevice(question.device, context)
      const tensorsBefore = device.tf.memory().numTensors
      const model = await load(question, context)
      open = { model, device, tensorsBefore }
      const { digest, labels } = model
      return { value: { digest, labels, generates: model.generate !== undefined } satisfies ModelFacts }
    }
    case 'predict':
      return { value: packPredictions(await open!.model!.predict(question.inputs, context)) }
    case 'generate': {
      const { input, options } = question
      for await (const part of open!.model!.generate!(input, options, context)) say({ kind: 'part', part })
      return {}
    }
    case 'close': {
      const closing = open
      open = undefined
      await (closing?.training ?? closing?.model)?.[Symbol.asyncDispose]()
      return {
        value: { tensors: closing === undefined ? 0 : closing.device.tf.memory().numTensors - closing.tensorsBefore },
      }
    }
  }
}

function contextOf(signal: AbortSignal, say: Say): CallContext {
  const tell =
    (level: 'debug' | 'info' | 'warn') =>
    (...parts: readonly unknown[]) =>
      say({ kind: 'log', level, parts: parts as never })
  return callContext({
    signal,
    log: { debug: tell('debug'), info: tell('info'), warn: tell('warn') },
  })
}

const isLlama = (work: ThreadWork) => 'builtIn' in work && work.builtIn === 'llama'

async function build(work: ThreadWork, device: Device, context: CallContext): Promise<Trainable<unknown>> {
  if (isLlama(work)) return (await llamaTrainee(work.options as never, device, context)) as Trainable<never>
  return buildModel(work)
}

async function load(
  { work, device, weights }: Extract<Question, { readonly kind: 'load' }>,
  context: CallContext,
): Promise<Model<unknown>> {
  const trainer = isLlama(work)
    ? llamaTrainer(work.options as LlamaTrainerOptions)
    : tfjsTrainer(await buildModel(work), { device })
  return (await trainer.load(weights, context)) as Model<unknown>
}

async function buildModel(work: ThreadWork): Promise<TfjsModel<never, never, never>> {
  if ('builtIn' in work) return textClassifier(work.options as never) as TfjsModel<never, never, never>
  const failed = (fact: string, cause?: unknown) =>
    new SheikhError(
      'invalid-options',
      `Cannot use a separate thread: the export "${work.export}" of ${work.url} ${fact}. Correct the model's "module", or choose thread: 'caller'.`,
      { facts: { url: work.url, export: work.export }, cause },
    )
  try {
    const exported = ((await import(work.url)) as Readonly<Record<string, unknown>>)[work.export]
    if (typeof exported !== 'function') throw failed('is no function')
    const model = (await exported(work.options)) as TfjsModel<never, never, never>
    const { name, version, describe } = work.expected
    if (
      model?.name !== name ||
      model.version !== version ||
      JSON.stringify(model.describe()) !== JSON.stringify(describe)
    )
      throw failed('builds another model than the one that was given')
    await model.prepare?.()
    return model
  } catch (error) {
    throw isSheikhError(error) ? error : failed(`cannot be built (${messageOf(error)})`, error)
  }
}
