// Phoenix runs here, on loopback, and exports what was annotated; the SDK of Langfuse writes scores. Our readers read the files.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { readExport, toolExports } from '../feedback/tool-exports.js'
import { type FeedbackTool, hasFeedbackTool, runFeedbackTool } from './feedback-tools.js'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function withTool(tool: FeedbackTool, name: string, test: (out: string) => Promise<void>): void {
  if (!hasFeedbackTool(tool)) {
    console.log(`Skipped: ${tool} is not installed. npm run setup:interop installs it, or says why it cannot`)
    it.skip(name)
    return
  }
  it(name, async () => {
    const out = mkdtempSync(join(tmpdir(), 'sheikh-feedback-'))
    folders.push(out)
    await test(out)
  })
}

withTool(
  'langfuse',
  'Langfuse: scores of both versions of its API, with the names of the API and of the SDK',
  async (out) => {
    runFeedbackTool('langfuse', out)
    for (const name of ['scores.json', 'scores-fields.jsonl'])
      expect(await readExport(join(out, name)), name).toEqual(toolExports['langfuse-5.0.4-scores.json'])
    for (const name of ['scores-v3.json', 'scores-v3-fields.jsonl'])
      expect(await readExport(join(out, name)), name).toEqual(toolExports['langfuse-5.0.4-scores-v3.json'])
  },
)

withTool('phoenix', 'Phoenix: annotations, by its client, by its API and as a table', async (out) => {
  runFeedbackTool('phoenix', out)
  for (const name of ['annotations.json', 'answer.json', 'frame.jsonl'])
    expect(await readExport(join(out, name))).toEqual(toolExports['phoenix-20.26.1-annotations.json'])
})
