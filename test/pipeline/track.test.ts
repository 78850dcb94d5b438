import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type Log, seededRandom } from '../../src/core/index.js'
import { crc32c, scalarsEvent } from '../../src/pipeline/track/event-file.js'
import { trackByMlflow, trackByTensorBoard } from '../../src/pipeline/track/index.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { samples, world } from './harness.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-track-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const trainer = tfjsTrainer(textClassifier({ epochs: 2, buckets: 2 ** 10 }), { device: 'js', thread: 'caller' })
const collecting = (found: string[]): Log => ({ debug() {}, info() {}, warn: (message) => void found.push(message) })

describe("TensorBoard's checksum", () => {
  // RFC 3720, appendix B.4, and the check value of CRC-32C.
  it.each([
    ['32 bytes of nought', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 bytes that rise', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
  ])('of %s', (_, bytes, checksum) => {
    expect(crc32c(bytes)).toBe(checksum)
  })
})

/** A decoder of its own, by the formats' descriptions. */
function readEvents(file: Buffer) {
  const events: { step: number; scalars: Record<string, number> }[] = []
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at))
    const data = file.subarray(at + 12, at + 12 + length)
    for (const [bytes, place] of [
      [file.subarray(at, at + 8), at + 8],
      [data, at + 12 + length],
    ] as const) {
      const crc = crc32c(bytes)
      expect(file.readUInt32LE(place)).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0)
    }
    const fields = fieldsOf(data)
    if (fields.has(5))
      events.push({
        step: (fields.get(2)?.[0] as number | undefined) ?? 0,
        scalars: Object.fromEntries(
          fieldsOf(fields.get(5)![0] as Buffer)
            .get(1)!
            .map((value) => {
              const parts = fieldsOf(value as Buffer)
              return [String(parts.get(1)![0]), (parts.get(2)![0] as Buffer).readFloatLE(0)]
            }),
        ),
      })
    else expect(String(fields.get(3)![0])).toBe('brain.Event:2')
    at += 12 + length + 4
  }
  return events
}

function fieldsOf(data: Buffer): Map<number, (number | Buffer)[]> {
  const found = new Map<number, (number | Buffer)[]>()
  let at = 0
  const varint = () => {
    let [value, factor] = [0, 1]
    for (;;) {
      const byte = data[at++]!
      value += (byte & 127) * factor
      factor *= 128
      if (byte < 128) return value
    }
  }
  const take = (count: number) => {
    at += count
    return data.subarray(at - count, at)
  }
  while (at < data.length) {
    const key = varint()
    const value = [varint, () => take(8), () => take(varint()), undefined, undefined, () => take(4)][key & 7]!()
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value])
  }
  return found
}

describe('TensorBoard', () => {
  it('is told the loss of every report and what the gate measured, a folder a run', async () => {
    const pipeline = world().pipeline(samples, { trainer })
    const reports: number[] = []
    pipeline.on('train-progress', ({ loss }) => void reports.push(loss))
    const stop = trackByTensorBoard(pipeline, { directory: folder })
    const { runId } = await pipeline.run()
    expect(await readdir(folder)).toEqual([runId])
    const [file] = await readdir(join(folder, runId))
    expect(file).toMatch(/^events\.out\.tfevents\.\d+\.sheikh$/)
    const events = readEvents(await readFile(join(folder, runId, file!)))
    expect(events.length).toBe(reports.length + 1)
    expect(events.slice(0, -1).map(({ scalars }) => scalars['train/loss'])).toEqual(reports.map(Math.fround))
    expect(events.at(-1)!.scalars['evaluation/accuracy']).toBeGreaterThan(0.5)
    expect(events.at(-1)!.step).toBe(events.at(-2)!.step)
    // Nothing is trained and nothing judged: nothing is written.
    await pipeline.run()
    stop()
    await pipeline.run({ retrain: true })
    expect(await readdir(folder)).toEqual([runId])
  })

  it('that cannot be written to is said in the log, and the run goes on', async () => {
    const found: string[] = []
    const pipeline = world().pipeline(samples, { trainer, log: collecting(found) })
    await writeFile(join(folder, 'file'), '')
    trackByTensorBoard(pipeline, { directory: join(folder, 'file') })
    expect(await pipeline.run()).toMatchObject({ status: 'released' })
    expect(found[0]).toMatch(/^A listener to "train-progress" failed: ENOTDIR/)
  })

  it('reads back what is written, whatever the number of the step', () => {
    const random = seededRandom('events')
    for (let round = 0; round < 300; round += 1) {
      const step = random.below(2 ** (1 + random.below(31)))
      const scalars = { [`tag ${'x'.repeat(random.below(300))}`]: Math.fround(random.normal()), é: 0 }
      const written = scalarsEvent(
        random.uniform() * 2e12,
        step,
        Object.entries(scalars).map(([tag, value]) => ({ tag, value })),
      )
      expect(readEvents(written)).toEqual([{ step, scalars }])
    }
  })
})

interface Call {
  readonly path: string
  readonly body: Record<string, unknown>
  readonly authorization: string | undefined
}

/** As much of MLflow's server as is asked. @param fails the answer to a path, in place of the right one. */
async function mlflowServer(fails: (path: string, count: number) => number | undefined = () => undefined) {
  const calls: Call[] = []
  const bodyOf = async (request: IncomingMessage) => {
    let text = ''
    for await (const piece of request) text += piece
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  }
  const server = createServer(async (request, response) => {
    const path = request.url!.replace('/api/2.0/mlflow/', '')
    calls.push({ path, body: await bodyOf(request), authorization: request.headers.authorization })
    const status = fails(path, calls.length) ?? (path.startsWith('experiments/get-by-name') ? 404 : 200)
    const answers: Record<string, object> = {
      'experiments/create': { experiment_id: '7' },
      'runs/create': { run: { info: { run_id: 'abc' } } },
    }
    response.writeHead(status).end(JSON.stringify(status === 200 ? (answers[path] ?? {}) : { error_code: 'NO' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { calls, trackingUri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

describe('MLflow', () => {
  it('is told a run from its begin to its end', async () => {
    const { calls, trackingUri } = await mlflowServer()
    const pipeline = world().pipeline(samples, { trainer })
    const stop = trackByMlflow(pipeline, { trackingUri, experiment: 'mails', token: 'a token of ours' })
    const { runId } = await pipeline.run()
    await stop()
    const [named, created, begun, ...others] = calls
    expect(named!.path).toBe('experiments/get-by-name?experiment_name=mails')
    expect([created!.path, begun!.path]).toEqual(['experiments/create', 'runs/create'])
    expect(begun!.body).toMatchObject({ experiment_id: '7', run_name: runId })
    const batches = others.filter(({ path }) => path === 'runs/log-batch')
    expect(batches.at(0)!.body).toMatchObject({ run_id: 'abc', metrics: [{ key: 'train/loss', step: 1 }, {}] })
    expect(batches.at(-1)!.body).toMatchObject({ metrics: [{ key: 'evaluation/accuracy' }] })
    expect(others.slice(-3).map(({ path, body }) => [path, body['value'] ?? body['status']])).toEqual([
      ['runs/set-tag', 'released'],
      ['runs/set-tag', '0.1.0'],
      ['runs/update', 'FINISHED'],
    ])
    expect(new Set(calls.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer a token of ours']))
  })

  it.each([
    ['is not there', () => undefined, /^MLflow tracking is disabled for the run/],
    ['refuses a run', (path: string) => (path === 'runs/create' ? 403 : undefined), /answered with 403/],
    [
      'fails in its midst',
      (_: string, count: number) => (count > 6 ? 500 : undefined),
      /^MLflow tracking stopped for the run/,
    ],
  ] as const)('that %s is said once, and the run goes on', async (name, fails, said) => {
    const { trackingUri, calls } = await mlflowServer(fails)
    const found: string[] = []
    const pipeline = world().pipeline(samples, { trainer })
    const stop = trackByMlflow(pipeline, {
      trackingUri: name === 'is not there' ? 'http://127.0.0.1:9' : trackingUri,
      log: collecting(found),
    })
    expect(await pipeline.run()).toMatchObject({ status: 'released' })
    await stop()
    expect(found).toEqual([expect.stringMatching(said)])
    expect(calls.length).toBeLessThan(10)
  })

  it.each([
    ['file:./mlruns', undefined],
    ['databricks', undefined],
    ['https://me:secret@mlflow.example.org', undefined],
    ['http://mlflow.example.org', 'a token'],
  ])('is not tracked by %s', (trackingUri, token) => {
    expect(() => trackByMlflow(world().pipeline(), { trackingUri, token })).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
  })
})
