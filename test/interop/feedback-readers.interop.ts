// Label Studio and Phoenix run here, on loopback, and export what was annotated; the SDK of Langfuse writes scores. Our readers
// read the files, and Label Studio imports our tasks.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { memoryFeedback, readFeedback } from '../../src/feedback/index.js'
import { readExport, tasksForLabelStudio, toolExports } from '../feedback/tool-exports.js'
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

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

withTool('langfuse', 'Langfuse: scores of both versions of its API', async (out) => {
  runFeedbackTool('langfuse', out)
  expect(await readExport(join(out, 'scores.json'))).toEqual(toolExports['langfuse-5.0.4-scores.json'])
  expect(await readExport(join(out, 'scores-v3.json'))).toEqual(toolExports['langfuse-5.0.4-scores-v3.json'])
})

withTool('phoenix', 'Phoenix: annotations, by its client, by its API and as a table', async (out) => {
  runFeedbackTool('phoenix', out)
  for (const name of ['annotations.json', 'answer.json', 'frame.jsonl'])
    expect(await readExport(join(out, name))).toEqual(toolExports['phoenix-20.26.1-annotations.json'])
})

withTool('label-studio', 'Label Studio: imports our tasks, and its export is read', async (out) => {
  const tasks = join(out, 'tasks.json')
  writeFileSync(tasks, JSON.stringify(tasksForLabelStudio()))
  runFeedbackTool('label-studio', out, tasks)
  expect(json(join(out, 'imported.json'))).toMatchObject({ task_count: 12, prediction_count: 12 })
  const exported: readonly { readonly data: object; readonly predictions: readonly object[] }[] = json(
    join(out, 'export.json'),
  )
  expect(exported.map(({ data }) => data)).toEqual(tasksForLabelStudio().map(({ data }) => data))
  expect(await readExport(join(out, 'export.json'))).toEqual(toolExports['label-studio-1.23.2-export.json'])
  const other = (name: string) => readFeedback(join(out, name), { store: memoryFeedback() }, callContext())
  await expect(other('export-min.json')).rejects.toThrow('JSON-MIN. Export it in the format JSON')
  await expect(other('export.csv')).rejects.toThrow('is not JSON. Export it again as JSON')
})
