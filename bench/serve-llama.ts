// Tokens per second of one stream and of several at the same time, from a server in a process of its own, and how long that
// process's event loop is blocked meanwhile. Streams are read as a client of OpenAI reads them.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type BenchRow, interleaved } from './bench.js'

const pairs = 5
const streams = 8
const maximumTokens = 90
/** Streams one after another in one measurement, on each connection. */
const repeats = 4

export async function rows(): Promise<readonly BenchRow[]> {
  const { child, url } = await start('own')
  const other = await start('caller')
  try {
    await tokensPerSecond(url, streams)
    await tokensPerSecond(other.url, streams)
    const rates = await interleaved(
      pairs,
      () => tokensPerSecond(url, streams),
      () => tokensPerSecond(url, 1),
    )
    const ratio = rates.ours / rates.peer
    const delays = await interleaved(
      pairs,
      () => delayMs(child, url),
      () => delayMs(other.child, other.url),
    )
    const peakMemoryMb = (await told(child)).peakMb
    return [
      {
        work: `a Llama of 2 layers and width 128, ${streams} streams at a time, device wasm`,
        ...rates,
        ...{ peerName: 'one stream', unit: 'tokens/s', ratio, goal: 'at least 3', met: ratio >= 3 },
        peakMemoryMb,
      },
      {
        work: `event-loop delay of the server (p99) while ${streams} streams are written, device wasm`,
        ...delays,
        ...{ peerName: 'model on the handler’s thread', unit: 'ms', ratio: delays.peer / delays.ours },
        ...{ goal: 'above 1', met: delays.peer > delays.ours, peakMemoryMb },
      },
    ]
  } finally {
    child.kill()
    other.child.kill()
  }
}

async function start(thread: 'own' | 'caller') {
  const child = fork(join(import.meta.dirname, 'reference/serve-llama.ts'), [thread], { execArgv: process.execArgv })
  const [{ url }] = (await once(child, 'message')) as [{ readonly url: string }]
  return { child, url }
}

async function told(child: ChildProcess) {
  child.send('tell')
  const [said] = (await once(child, 'message')) as [{ readonly peakMb: number; readonly delayMs: number }]
  return said
}

async function delayMs(child: ChildProcess, url: string): Promise<number> {
  child.send('delay')
  await tokensPerSecond(url, streams)
  return (await told(child)).delayMs
}

async function tokensPerSecond(url: string, count: number): Promise<number> {
  const startedMs = performance.now()
  const tokens = await Promise.all(Array.from({ length: count }, (_, stream) => answers(url, stream)))
  return tokens.reduce((sum, one) => sum + one, 0) / ((performance.now() - startedMs) / 1000)
}

/** @returns the tokens of all answers. */
async function answers(url: string, stream: number): Promise<number> {
  let tokens = 0
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const response = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ prompt: `${stream} The quick brown fox`, seed: repeat, max_tokens: maximumTokens },
        ...{ stream: true, stream_options: { include_usage: true } },
      }),
    })
    let text = ''
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) text += decoder.decode(bytes as Uint8Array, { stream: true })
    const usage = /"completion_tokens":(\d+)/.exec(text)
    if (usage === null || !text.endsWith('data: [DONE]\n\n')) throw new Error(`a stream failed: ${text.slice(-500)}`)
    tokens += Number(usage[1])
  }
  return tokens
}
