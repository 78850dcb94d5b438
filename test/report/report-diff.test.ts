import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { reportDiff, reportDiffHtml } from '../../src/report/index.js'
import type { ProjectDiff } from '../../src/repository/index.js'
import { edit, project, sheikh, sheikhJson, write } from '../cli/harness.js'
import { changeSamples } from '../template-project.js'

const nothing: ProjectDiff = {
  from: { name: 'HEAD', commit: 'a'.repeat(40) },
  to: { name: 'the work tree' },
  problems: [],
  gate: [],
  files: [],
  configuration: [],
  prompts: [],
}
const hostile = '<script>alert(1)</script> | `x` \u001b[2J @someone'

describe('sheikh diff', () => {
  it('prints the loosened gate first, and text of samples only if it is asked for', async () => {
    const folder = await project()
    expect(await sheikh(folder, ['diff'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /^# Changes from HEAD \([0-9a-f]{10}\) to the work tree\n\n- Nothing that a run reads differs\.\n$/,
      ),
    })
    await edit(folder, 'mlops/pipeline.yaml', (text) => text.replace('margin: 0.05', 'margin: 0.08'))
    await write(
      folder,
      'dataset/samples/billing/new.json',
      JSON.stringify({ id: 'new', text: 'private', label: 'billing' }),
    )
    await changeSamples(folder, (sample) =>
      sample.id === 'billing-02' ? { ...sample, label: 'login', text: `private ${sample.text}` } : sample,
    )
    const { out } = await sheikh(folder, ['diff', 'main'])
    expect(out).toMatch(
      /^# .*\n\n- The gate was loosened: the margin of .* is now 0\.08, was 0\.05\.\n- Samples: 1 added, 1 changed; in total 200 → 201 \(\+1\)\.\n- 1 sample got another label\./,
    )
    expect(out).toContain('| Before | login |\n| --- | --: |\n| billing | 1 |')
    expect(out).toContain('| billing-02 | text, label |')
    expect(out).not.toContain('private')
    const { json } = await sheikhJson(folder, 'diff', 'main', '--include-text')
    expect(json.data.changed[0]).toMatchObject({
      id: 'billing-02',
      fields: expect.arrayContaining([{ field: 'label', before: 'billing', after: 'login' }]),
    })
    expect((await sheikh(folder, ['diff', '--include-text', '--out', 'diff.html'])).out).toMatch(
      /^Wrote .*diff\.html\n$/,
    )
    expect(await readFile(join(folder, 'diff.html'), 'utf8')).toMatch(/^<!doctype html>.*private/s)
    expect(await sheikh(folder, ['diff', 'nowhere'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('[not-found]'),
    })
  })
})

describe('the report of a comparison', () => {
  it('never lets data become markup', () => {
    const digest = `sha256:${'a'.repeat(64)}` as const
    const rendered = (text: string) => ({ characters: text.length, digest, text })
    const example = { id: hostile, before: rendered(`${hostile}\n\`\`\`\`\n# a`), after: rendered(hostile) }
    const diff: ProjectDiff = {
      ...nothing,
      from: { name: hostile, commit: 'b'.repeat(40) },
      problems: [{ state: 'to', code: 'dataset-invalid', message: hostile }],
      gate: [{ change: hostile, looser: true }],
      files: [{ path: hostile, change: 'changed' }],
      configuration: [{ file: hostile, key: hostile, before: hostile }],
      prompts: [{ path: hostile, change: 'changed', rendered: { samples: 3, changed: 1, examples: [example] } }],
      evaluation: {
        items: { before: 0, after: 1 },
        added: [hostile],
        removed: [],
        changed: [],
        edited: [hostile],
        deleted: [],
      },
      data: {
        rows: { before: 1, after: 1 },
        added: [{ id: hostile, path: hostile, label: hostile }],
        removed: [],
        moved: [{ id: hostile, previousId: hostile }],
        changed: [{ id: hostile, path: hostile, fields: [{ field: hostile, before: hostile, after: { hostile } }] }],
        projectedDifferently: [hostile],
        relabelled: [{ before: hostile, after: undefined, ids: [hostile] }],
        labels: [{ name: hostile, before: 1, after: 2 }],
        slices: [{ name: hostile, before: 1, after: 2 }],
      },
    }
    const withoutBlocks = reportDiff(diff).replace(/^(`{3,})diff\n[\s\S]*?\n\1$/gm, '')
    expect(withoutBlocks.length).toBeLessThan(reportDiff(diff).length)
    for (const text of [withoutBlocks, reportDiffHtml(diff)]) {
      expect(text).not.toContain('\u001b')
      expect(text).not.toMatch(/(?<!\\)<script/)
    }
    expect(withoutBlocks).not.toMatch(/(?<!\\)\| `/)
    expect(withoutBlocks.split('\n').filter((line) => line.startsWith('- '))).toHaveLength(10)
  })

  it('cuts long tables and wide matrices, and says so', () => {
    const many = Array.from({ length: 250 }, (_, index) => index)
    const text = reportDiff({
      ...nothing,
      data: {
        rows: { before: 250, after: 250 },
        added: [],
        removed: [],
        moved: [],
        changed: many.map((index) => ({ id: `c${index}`, path: 'x', fields: [{ field: 'label' }] })),
        projectedDifferently: [],
        relabelled: many.map((index) => ({ before: `l${index}`, after: 'same', ids: [`c${index}`] })),
        labels: [],
        slices: [],
      },
    })
    expect(text.match(/^\| c\d+ \| label \|$/gm)).toHaveLength(100)
    expect(text.match(/^\| l\d+ \| same \| 1 \|$/gm)).toHaveLength(100)
    expect(text.match(/^150 more rows\.$/gm)).toHaveLength(2)
    expect(text).toContain('- 250 samples got another label.')
  })
})
