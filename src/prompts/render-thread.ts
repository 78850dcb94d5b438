// The thread that renders templates: an endless template keeps it busy and not the program, which can end it.
import { parentPort } from 'node:worker_threads'
import { isSheikhError } from '../core/index.js'
import type { RenderAnswer, ToRenderThread } from './render-messages.js'
import { parseTemplate, type Template } from './template.js'

const port = parentPort!
let template: Promise<Template> | undefined
let last: Promise<void> = Promise.resolve()

port.on('message', (message: ToRenderThread) => {
  if (message.kind === 'template') template = parseTemplate(message.text, message.file)
  else last = last.then(async () => port.postMessage(answer(message, await template!)))
})

function answer(
  { samples, limits, progress }: ToRenderThread & { readonly kind: 'render' },
  { render }: Template,
): RenderAnswer {
  return samples.map((sample, index) => {
    Atomics.store(progress, 0, index)
    try {
      return render(sample, { ...limits, offset: progress.subarray(1) })
    } catch (error) {
      if (!isSheikhError(error, 'template-invalid')) throw error
      return { message: error.message, facts: error.facts }
    }
  })
}
