import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import type { Prediction } from '../../src/model/index.js'
import { loadRelease, type ReleasedModel, type Releaser } from '../../src/releaser/index.js'
import type { Timer } from '../../src/serve/batcher.js'
import { openHandler } from '../../src/serve/handler.js'
import {
  createHandler,
  type HandlerOptions,
  type HandlerSettings,
  type ServeOptions,
  serve,
} from '../../src/serve/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { poison, world } from '../pipeline/harness.js'

let registry: Promise<Releaser> | undefined

/** A registry with one release, 0.1.0, that knows the words of the pipeline's samples. Made once: no test changes it. */
export async function released() {
  registry ??= releaseOnce()
  return { registry: await registry, trainer: fakeTrainer() }
}

async function releaseOnce(): Promise<Releaser> {
  const { pipeline, releaser } = world()
  await pipeline(poison('apple')).run()
  return releaser
}

/** The release, whose predictions a test may replace. */
export async function releasedModel(
  predict?: (inputs: readonly string[], signal: AbortSignal) => Promise<readonly Prediction[]>,
): Promise<ReleasedModel<string>> {
  const { registry, trainer } = await released()
  const model = await loadRelease(registry, { trainer })
  onTestFinished(() => model[Symbol.asyncDispose]())
  if (predict === undefined) return model
  return { ...model, predict: (inputs, context = {}) => predict(inputs, callContext(context).signal) }
}

export const warnings = () => {
  const said: string[] = []
  return { said, log: { debug() {}, info() {}, warn: (message: string) => void said.push(message) } }
}

/** A handler of the release, closed after the test. */
export async function handlerOf(settings: HandlerSettings<string> = {}, model?: ReleasedModel<string>) {
  const { said, log } = warnings()
  const from = model === undefined ? await released() : { model }
  const handler = await createHandler({ ...settings, ...from } as HandlerOptions<string>, { log })
  onTestFinished(() => handler.close(0))
  return { handler, said }
}

/** A handler whose time a test moves. */
export async function timedHandler(timer: Timer, settings: HandlerSettings<string>, model: ReleasedModel<string>) {
  const { said, log } = warnings()
  const handler = await openHandler({ ...settings, smokeInputs: [], model }, callContext({ log }), timer)
  onTestFinished(() => handler.close(0))
  return { handler, said }
}

export async function serverOf(settings: Partial<ServeOptions<string>> = {}, model?: ReleasedModel<string>) {
  const { said, log } = warnings()
  const from = model === undefined ? await released() : { model }
  const server = await serve({ port: 0, ...settings, ...from } as ServeOptions<string>, { log })
  onTestFinished(() => server.close(0))
  return { server, said, url: server.url }
}

export const post = (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  new Request(`http://localhost${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  })

/** What a server answers to these bytes, until it ends the connection or the time is up. */
export function talk(port: number, pieces: readonly (string | Buffer)[], { half = false, waitMs = 5000 } = {}) {
  return new Promise<string>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let said = ''
    const timer = setTimeout(() => socket.destroy(), waitMs)
    socket.on('data', (piece) => {
      said += piece
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(said)
    })
    for (const piece of pieces) socket.write(piece)
    if (half) socket.end()
  })
}

/** A time that stands still until a test moves it. */
export function handTimer() {
  let nowMs = 0
  const calls = new Set<{ readonly atMs: number; readonly call: () => void }>()
  const timer: Timer = {
    nowMs: () => nowMs,
    after(delayMs, call) {
      const entry = { atMs: nowMs + delayMs, call }
      calls.add(entry)
      return () => void calls.delete(entry)
    },
  }
  return {
    timer,
    async move(byMs: number) {
      nowMs += byMs
      for (const entry of [...calls].filter(({ atMs }) => atMs <= nowMs)) {
        calls.delete(entry)
        entry.call()
      }
      await settled()
    },
  }
}

/**
 * Waits until everything that can go on has done so: also the disk, which takes longer on a busy machine. Other test files of
 * this process may have left a request that never ends, so the wait ends anyway. Open streams of files are not counted.
 */
export async function settled(): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    await new Promise<void>((resolve) => setTimeout(resolve, 5))
    if (!process.getActiveResourcesInfo().some((name) => /^FSReq/.test(name))) return
  }
}
