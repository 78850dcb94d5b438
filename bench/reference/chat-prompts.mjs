// Samples and a chat template for the bench of prompts, and what a process reports at its end.
import { createHash } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { peakMemoryKb } from './peak-memory.mjs'

// White space is controlled at every tag, so that the settings of a renderer make no difference.
export const template = `
{%- set ns = namespace(turn=0) -%}
{%- if messages[0].role == 'system' -%}
<|system|>{{ messages[0].content | trim }}<|end|>
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}
{%- set ns.turn = ns.turn + 1 -%}
<|user|>{{ ns.turn }}: {{ message.content }}<|end|>
{%- elif message.role == 'assistant' -%}
<|assistant|>{{ message.content | trim }}<|end|>
{%- endif -%}
{%- endfor -%}
{{ '<|assistant|>' }}`

const words = 'please tell me where the invoice of last month is and why it was so much higher than the others'.split(
  ' ',
)

/** The same samples in every process. */
export function sampleOf(index) {
  const text = (seed, length) =>
    Array.from({ length }, (_, i) => words[(seed * 31 + i * (7 + (seed % 5))) % words.length]).join(' ')
  return {
    id: `s${index}`,
    messages: [
      { role: 'system', content: ' You answer questions about invoices. ' },
      { role: 'user', content: text(index, 12 + (index % 17)) },
      { role: 'assistant', content: text(index + 1, 20) },
      { role: 'user', content: text(index + 2, 8) },
    ],
  }
}

/** Renders all samples in batches, and prints what the process used. @param renderAll samples → texts, perhaps later. */
export async function measure(count, renderAll) {
  const batch = 256
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const digest = createHash('sha256')
  const before = process.cpuUsage()
  const startedMs = performance.now()
  delay.enable()
  for (let start = 0; start < count; start += batch) {
    const samples = Array.from({ length: Math.min(batch, count - start) }, (_, index) => sampleOf(start + index))
    for (const text of await renderAll(samples)) digest.update(text).update('\0')
    await new Promise((resolve) => setImmediate(resolve))
  }
  delay.disable()
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - startedMs) / 1000
  process.stdout.write(
    JSON.stringify({
      ...{ digest: digest.digest('hex'), seconds, cpuSeconds: (user + system) / 1e6 },
      ...{ p99Ms: delay.percentile(99) / 1e6, peakKb: peakMemoryKb() },
    }),
  )
}
