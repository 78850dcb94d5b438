// Hostile rendered prompts in a report, in a real browser: no script runs, nothing leaves the page, and no page scrolls sideways.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { digestBytes } from '../../src/core/index.js'
import type { RunRecord } from '../../src/pipeline/index.js'
import { type PromptSnapshot, promptStageName } from '../../src/prompts/index.js'
import { reportRunHtml } from '../../src/report/run/index.js'
import { chromiumPath, openChromium } from './chromium.js'

const isThere = chromiumPath() !== undefined
if (!isThere) console.log('Skipped: there is no Chromium. npm run setup:interop installs it')

const texts = [
  {
    id: '"><img src=x onerror=alert(1)>',
    text: '</pre></script><script>alert(1)</script>\n<b>bold</b>',
    before: 'same\nlines',
  },
  { id: '\u202egnp.exe', text: '\u202etxt.\u2066 gro \u0000\u001b[31m', before: '\u202eother' },
  { id: 'long-word', text: 'w'.repeat(100_000), before: `w\n${'v'.repeat(50_000)}` },
  { id: 'long', text: Array.from({ length: 5000 }, (_, i) => `line ${i} of a long prompt`).join('\n') },
  {
    id: 'ticket',
    text: 'Which kind of ticket is this?\n\nMy invoice is wrong.\n\nAnswer:',
    before: 'Which ticket?\n\nMy invoice is wrong.\n\nAnswer:',
  },
]
const sizeOf = (text: string) => ({ characters: text.length, digest: digestBytes(text) })
const snapshot: PromptSnapshot = {
  formatVersion: 1,
  template: { path: 'prompts/training/ask.txt', digest: digestBytes('now') },
  released: { version: '1.0.0', digest: digestBytes('before') },
  rows: 5,
  characters: { minimum: 20, median: 62, p95: 100_000, maximum: 117_890, total: 218_200 },
  samples: texts.map(({ id, text, before }) => ({
    ...{ id, choice: 'by-id', ...sizeOf(text) },
    ...(before !== undefined && { before: sizeOf(before) }),
  })),
  texts: digestBytes('texts'),
}
const record = {
  ...{
    formatVersion: 1,
    runId: '01m8kej34mewz19bjwdr',
    command: 'run',
    status: 'released',
    startedAtMs: 0,
    version: '1.1.0',
  },
  stages: [{ name: promptStageName, cached: false, durationMs: 5, value: snapshot }],
} as unknown as RunRecord

it.runIf(isThere)('at 390 and 1280 pixels', async () => {
  const folder = process.env['REPORT_IMAGES'] ?? (await mkdtemp(join(tmpdir(), 'sheikh-report-')))
  const browser = await openChromium()
  try {
    const file = join(folder, 'report.html')
    await writeFile(file, reportRunHtml(record, { project: 'tickets', promptTexts: texts }))
    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [390, 1280]) {
        const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
        const happened: string[] = []
        page.on('dialog', (dialog) => {
          happened.push(`dialog ${dialog.message()}`)
          void dialog.dismiss()
        })
        page.on('request', (request) => {
          if (!request.url().startsWith('file:')) happened.push(`request ${request.url()}`)
        })
        page.on('pageerror', (error) => happened.push(String(error)))
        await page.goto(pathToFileURL(file).href)
        // As text, because this file is not compiled for a page.
        const facts = await page.evaluate(`({
          sideways: document.documentElement.scrollWidth - innerWidth,
          wide: [...document.querySelectorAll('pre')].filter((pre) => pre.scrollWidth > pre.clientWidth + 1).length,
          tall: Math.max(...[...document.querySelectorAll('pre')].map((pre) => pre.clientHeight)),
          blocks: document.querySelectorAll('pre.prompt').length,
          foreign: document.querySelectorAll('pre b, pre img, script, img').length,
          marks: document.querySelectorAll('ins, del').length,
          text: document.querySelector('pre.prompt').textContent,
        })`)
        expect(happened).toEqual([])
        expect(facts).toMatchObject({ sideways: 0, wide: 0, blocks: texts.length, foreign: 0 })
        const { tall, marks, text } = facts as { readonly tall: number; readonly marks: number; readonly text: string }
        expect(text).toContain('</pre></script><script>alert(1)</script>')
        expect(tall).toBeLessThan(450)
        expect(marks).toBeGreaterThan(4)
        if (process.env['REPORT_IMAGES'] !== undefined)
          await page.screenshot({ path: join(folder, `${width}-${colorScheme}.png`), fullPage: true })
        await page.close()
      }
  } finally {
    await browser.close()
    if (process.env['REPORT_IMAGES'] === undefined) await rm(folder, { recursive: true, force: true })
  }
})
