import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import type { DashboardSource } from '../../src/dashboard/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { copyTemplateProject } from '../template-project.js'
import { digestOfFolder } from './digest-of-folder.js'
import { browser, demoProject, newFolder, sourceOf } from './fixture.js'

let folder: string
let source: DashboardSource
beforeAll(async () => {
  folder = await demoProject()
  source = await sourceOf(folder)
}, 120_000)

const pages = ['/', '/index.html', '/runs.html', '/releases.html', '/compare.html', '/ledger.html', '/use.html']
const answers = ['/api/overview', '/api/runs', '/api/waiting', '/api/releases', '/api/ledger', '/api/panels']

async function allPaths(): Promise<readonly string[]> {
  const ids = await source.pipeline.runIds()
  const releases = ['0.1.0', '0.1.1']
  return [
    ...[...pages, ...answers, '/compare/0.1.0/0.1.1.html', '/api/compare/0.1.0/0.1.1'],
    ...ids.flatMap((id) => [`/runs/${id}.html`, `/api/runs/${id}`]),
    ...releases.flatMap((version) => [`/releases/${version}.html`, `/api/releases/${version}`]),
  ]
}

describe('the dashboard of a project', () => {
  it('answers every page and every JSON without changing a file', async () => {
    const before = await digestOfFolder(folder)
    const { get } = browser(source)
    for (const path of await allPaths()) {
      const { status, headers, text } = await get(path)
      expect([path, status]).toEqual([path, 200])
      expect(headers.get('content-type')).toMatch(path.startsWith('/api/') ? /^application\/json/ : /^text\/html/)
      if (path.startsWith('/api/')) JSON.parse(text)
    }
    expect(await digestOfFolder(folder)).toBe(before)
  })

  it('shows which run waits, with the command that decides, and no button for it', async () => {
    const { get, json } = browser(source)
    const [waiting] = await json('/api/waiting')
    expect(waiting).toMatchObject({
      status: 'awaiting-approval',
      command: `sheikh approve ${waiting.runId} --reason "…"`,
    })
    const { text } = await get('/')
    expect(text).toContain(`sheikh approve ${waiting.runId} --reason &quot;…&quot;`)
    expect(text).not.toMatch(/<(form|button|input)/)
  })

  it('shows channels, who decided, and a ledger that verifies', async () => {
    const { released, ledger, missingReleases, runs } = await browser(source).json('/api/overview')
    expect(released.value).toMatchObject([
      { version: '0.1.1', channels: ['latest'], decidedBy: 'the gate', isSigned: false, verdict: 'pass' },
      { version: '0.1.0', channels: ['production'], decidedBy: 'the gate' },
    ])
    expect(ledger.value).toEqual({ entries: 10, tip: expect.stringMatching(/^sha256:/) })
    expect(missingReleases.value).toEqual([])
    expect(runs.map(({ status }: { status: string }) => status)).toEqual([
      ...['awaiting-approval', 'up-to-date', 'held', 'promoted', 'released', 'released'],
    ])
  })

  it('shows the findings of the gate with their intervals', async () => {
    const { get, json } = browser(source)
    const { runs } = await json('/api/overview')
    const held = runs.find(({ status }: { status: string }) => status === 'held')
    const { verdict } = await json(`/api/runs/${held.runId}`)
    expect(verdict.status).toBe('fail')
    const overall = verdict.findings.find(
      ({ kind, slice }: { kind: string; slice?: string }) => kind === 'comparison' && slice === undefined,
    )
    expect(overall.upper).toBeLessThan(0)
    const { text } = await get(`/runs/${held.runId}.html`)
    expect(text).toContain('Changes and their confidence intervals')
    expect(text).toContain('category=login')
    expect(text).toContain('<svg')
  })

  it('compares two releases, and leads from the form to the comparison', async () => {
    const { get, json } = browser(source)
    const chosen = await get('/compare.html?before=0.1.0&after=0.1.1')
    expect([chosen.status, chosen.headers.get('location')]).toEqual([303, '/compare/0.1.0/0.1.1.html'])
    expect((await get('/compare/0.1.0/0.1.1.html')).text).toContain('0.1.1 compared with 0.1.0')
    expect(await json('/api/compare/0.1.0/0.1.1')).toMatchObject({ status: expect.any(String) })
    for (const other of ['9.9.9', '...', 'CON']) expect((await get(`/compare/0.1.0/${other}.html`)).status).toBe(404)
  })

  it('shows text of samples only if asked', async () => {
    const { runs } = await browser(source).json('/api/overview')
    const held = runs.find(({ status }: { status: string }) => status === 'held')
    const path = `/runs/${held.runId}.html`
    const heading = 'Answers on regressed items'
    expect((await browser(source).get(path)).text).not.toContain(heading)
    const withText = await sourceOf(folder, { includeText: true })
    expect((await browser(withText).get(path)).text).toContain(heading)
  })

  it('answers 404 for what does not exist', async () => {
    const { get } = browser(source)
    for (const path of [
      ...['/nothing', '/runs-2.html', '/runs-0.html', '/runs/01m848t390tw6kqt8kah.html', '/releases/9.9.9.html'],
      ...['/releases/latest.html', '/api', '/api/', '/api/runs/x', '/../package.json', '/%2e%2e/package.json'],
      ...['/runs/..%2f..%2fpackage.json.html', '/%ff', '/api/runs?page=0', '/api/runs?page=2', '/api/runs?page=x'],
    ]) {
      const { status, text } = await get(path)
      expect([path, status]).toEqual([path, 404])
      if (path.startsWith('/api/')) expect(JSON.parse(text).error.code).toBe('not-found')
    }
  })
})

describe('other projects', () => {
  it('whose runs were on another machine: names them without a link', async () => {
    const pipeline = { ...source.pipeline, runIds: async () => [] }
    const [newest] = await source.pipeline.runIds()
    const { get } = browser({ ...source, pipeline })
    for (const path of ['/releases/0.1.1.html', '/ledger.html']) {
      expect((await browser(source).get(path)).text).toContain('<a class="id" href=')
      expect((await get(path)).text).not.toContain('<a class="id" href=')
    }
    expect((await get('/ledger.html')).text).toContain(`<span class="id">${newest}</span>`)
  })

  it('without a run and without .sheikh/: says how to begin, and makes nothing', async () => {
    const empty = join(await newFolder(), 'project')
    await copyTemplateProject(empty)
    const before = await digestOfFolder(empty)
    const { get, json } = browser(await sourceOf(empty))
    for (const path of [...pages, ...answers]) expect([path, (await get(path)).status]).toEqual([path, 200])
    expect((await get('/')).text).toContain('Nothing is released yet. Start a run with: <code>sheikh run</code>')
    expect(await json('/api/runs')).toEqual({ items: [], page: 1, pages: 1, total: 0 })
    expect(await digestOfFolder(empty)).toBe(before)
  })

  it('whose lock is held', async () => {
    const locked = await demoProject()
    await using lock = await directoryStore(join(locked, '.sheikh')).lock('test', callContext())
    const { get } = browser(await sourceOf(locked))
    for (const path of pages) expect([path, (await get(path)).status]).toEqual([path, 200])
    await lock.check()
  })

  it('with a damaged record of a run', async () => {
    const damaged = await demoProject()
    const its = await sourceOf(damaged)
    const [newest] = await its.pipeline.runIds()
    const path = join(damaged, `.sheikh/runs/${newest}/run.json`)
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, 200))
    const { get, json } = browser(its)
    const { items } = await json('/api/runs')
    expect(items[0]).toEqual({ runId: newest, status: 'unreadable' })
    expect(items).toHaveLength(6)
    expect((await get(`/runs/${newest}.html`)).text).toContain('The record of this run is damaged')
    expect((await get('/')).status).toBe(200)
  })

  it('whose ledger was edited: says so, and shows the rest', async () => {
    const broken = {
      ...source,
      pipeline: {
        ...source.pipeline,
        ledger: async () => {
          throw Object.assign(new Error('Cannot trust the ledger: line 3 was edited.'))
        },
      },
    }
    const { get, json } = browser(broken)
    const { text, status } = await get('/')
    expect(status).toBe(200)
    expect(text).toContain('Cannot trust the ledger: line 3 was edited.')
    expect((await json('/api/overview')).released.value).toHaveLength(2)
    expect((await get('/ledger.html')).status).toBe(500)
  })
})
