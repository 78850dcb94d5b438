// The dashboard in Chromium: by keyboard, by what a screen reader gets, live, light and dark, wide and narrow.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  type DashboardServer,
  type DashboardSource,
  projectSource,
  serveDashboard,
  writeSnapshot,
} from '../../src/dashboard/index.js'
import { openRepository } from '../../src/repository/index.js'
import { makeDemoProject } from '../dashboard/demo-project.js'
import { chromiumPath, openChromium } from './chromium.js'
import { startRun } from './start-run.js'

interface Facts {
  readonly title: string
  readonly levels: readonly number[]
  readonly ids: readonly string[]
  readonly transitions: readonly string[]
}

interface Seen {
  readonly progress: readonly number[]
  readonly announcements: readonly string[]
}

interface Focused {
  readonly name: string
  readonly isSeen: boolean
}

interface Contrasts {
  readonly low: readonly string[]
  readonly paper: number
}

const isThere = chromiumPath() !== undefined
if (!isThere)
  console.log('Skipped: Chromium is not installed. npm run setup:interop installs it, or says why it cannot')

describe.skipIf(!isThere)('the dashboard in a browser', () => {
  let folder: string
  let source: DashboardSource
  let server: DashboardServer
  let browser: Browser
  let paths: readonly string[]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dashboard-'))
    await makeDemoProject(join(folder, 'project'), 30_000)
    source = await projectSource(await openRepository(join(folder, 'project')))
    server = await serveDashboard(source, { host: '127.0.0.1', port: 0, isPublic: false })
    browser = await openChromium()
    const [newest, , held] = await source.pipeline.runIds()
    paths = [
      ...['index', 'runs', 'releases', 'compare', 'ledger', 'use', 'releases/0.1.1', 'compare/0.1.0/0.1.1'],
      ...[`runs/${newest}`, `runs/${held}`],
    ]
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** A new window. Errors of the page fail the test. */
  async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext(options)
    await context.addInitScript({ path: join(import.meta.dirname, 'dashboard-page.mjs') })
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    page.on('request', (request) => !request.url().startsWith(server.url) && errors.push(`asks ${request.url()}`))
    onTestFinished(async () => {
      await context.close()
      expect(errors).toEqual([])
    })
    await page.goto(`${server.url}/${path}.html`)
    return page
  }

  it('every page has landmarks, one first heading, no skipped level, and tables with headers', async () => {
    const page = await open('index')
    const expected = { language: 'en', missingLandmarks: [], tablesWithoutHeaders: 0, unnamed: 0, currentPages: 1 }
    for (const path of paths) {
      await page.goto(`${server.url}/${path}.html`)
      const found = await page.evaluate<Facts>('look.facts()')
      expect([path, found]).toMatchObject([path, expected])
      expect(found.title).toMatch(/ – tickets$/)
      expect(found.levels.filter((level) => level === 1)).toHaveLength(1)
      for (const [index, level] of found.levels.entries())
        expect(level).toBeLessThanOrEqual((found.levels[index - 1] ?? 0) + 1)
      expect(new Set(found.ids).size).toBe(found.ids.length)
    }
  })

  it('a screen reader gets the pages, what waits and the command', async () => {
    const page = await open('index')
    const tree = await page.locator('body').ariaSnapshot()
    expect(tree).toContain(`- banner:
  - link "tickets":
    - /url: index.html
  - navigation "Pages":
    - list:
      - listitem:
        - link "Overview":
          - /url: index.html`)
    expect(tree).toMatch(/- main:\n(.*\n)*? {2}- heading "Overview" \[level=1\]/)
    expect(tree).toContain('- heading "Waiting for a decision" [level=2]')
    expect(tree).toMatch(/code: sheikh approve \w{20} --reason "…"/)
    expect(tree).toMatch(/- region "Latest runs":\n\s+- table:/)
    expect(tree).toContain('- columnheader "State"')
    expect(tree).toMatch(/- rowheader "\w{20}"/)
    expect(tree).not.toContain('button')
  })

  it('is used by keyboard alone', async () => {
    const page = await open('compare')
    const focused = () => page.evaluate<Focused>('look.focused()')
    const walk: string[] = []
    for (let index = 0; index < 11; index += 1) {
      await page.keyboard.press('Tab')
      const { name, isSeen } = await focused()
      walk.push(name)
      expect([name, isSeen]).toEqual([name, true])
    }
    expect(walk).toEqual([
      ...['Skip to the content', 'tickets', 'Overview', 'Runs', 'Releases', 'Compare', 'Ledger', 'In use'],
      ...['before', 'after', 'Show the comparison'],
    ])
    await page.keyboard.press('Enter')
    await page.waitForURL('**/compare/0.1.0/0.1.1.html')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect((await focused()).name).toBe('main')
  })

  it('shows a run in another process live, and its report when it has ended, without losing the focus', async () => {
    const page = await open('index')
    const child = startRun(join(folder, 'project'))
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    onTestFinished(() => void child.kill())
    await page.getByRole('heading', { name: 'Running' }).waitFor({ timeout: 60_000 })
    await page.locator('section', { hasText: 'Running' }).getByRole('link').first().click()
    const heard = page.getByRole('status')
    await page.getByRole('progressbar', { name: 'training' }).waitFor({ timeout: 60_000 })
    const region = page.getByRole('region', { name: 'Stages' })
    await region.focus()
    expect(await ended).toBe(3)
    await page.getByRole('heading', { name: 'All checks' }).waitFor({ timeout: 30_000 })
    expect(await heard.textContent()).toBe('The run has ended: awaiting-approval.')
    const { progress, announcements } = await page.evaluate<Seen>('look.seen')
    expect(progress.length).toBeGreaterThan(1)
    expect(progress).toEqual([...progress].sort((one, other) => one - other))
    expect(announcements.filter((text) => text.startsWith('Stage train')).length).toBeGreaterThan(0)
    expect(await page.evaluate<Focused>('look.focused()')).toMatchObject({ name: 'Stages' })
    expect(await page.locator('main').getAttribute('data-refresh')).toBeNull()
  })

  it('says when the server no longer answers', async () => {
    const other = await serveDashboard(source, { host: '127.0.0.1', port: 0, isPublic: false })
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.goto(other.url)
    await other.close()
    await page.getByText('This page cannot be read again, and is not up to date.').waitFor({ timeout: 30_000 })
    expect(await page.getByRole('heading', { name: 'Channels' }).count()).toBe(1)
  })

  it('waits while somebody selects text, and is read again afterwards', async () => {
    const page = await open('index')
    const age = page.locator('#age')
    await page.evaluate("age.textContent = 'old'; getSelection().selectAllChildren(content)")
    await page.evaluate('refresh()')
    expect(await age.textContent()).toBe('old')
    await page.evaluate('getSelection().removeAllRanges()')
    await page.evaluate('refresh()')
    expect(await age.textContent()).toMatch(/^Read /)
  })

  it.each(['light', 'dark'] as const)('every text has a contrast of at least 4.5 in %s mode', async (colorScheme) => {
    const page = await open('index', { colorScheme })
    for (const path of paths) {
      await page.goto(`${server.url}/${path}.html`)
      const { low, paper } = await page.evaluate<Contrasts>('look.contrasts()')
      expect([path, low]).toEqual([path, []])
      expect(paper > 0.5).toBe(colorScheme === 'light')
    }
  })

  it('needs no horizontal scrolling at 320 pixels, nor at 200 % of the text size', async () => {
    for (const viewport of [
      { width: 320, height: 640 },
      { width: 1280, height: 800 },
    ]) {
      const page = await open('index', { viewport })
      for (const path of paths)
        for (const size of viewport.width === 320 ? [100] : [100, 200]) {
          await page.goto(`${server.url}/${path}.html`)
          const over = await page.evaluate<number>(`look.overflow(${size})`)
          expect([path, viewport.width, size, over]).toEqual([path, viewport.width, size, 0])
        }
    }
  })

  it('moves nothing for somebody who asked for that', async () => {
    const page = await open('index', { reducedMotion: 'reduce' })
    expect((await page.evaluate<Facts>('look.facts()')).transitions).toEqual(['0s'])
  })

  it('opens from a folder, without a server', async () => {
    const out = join(folder, 'public')
    await writeSnapshot(source, out)
    const context = await browser.newContext({ offline: true })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.goto(pathToFileURL(join(out, 'index.html')).href)
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Releases' }).click()
    await page.getByRole('link', { name: '0.1.1' }).click()
    await page.getByRole('heading', { name: 'Release 0.1.1', level: 1 }).waitFor()
    // Unstyled, the list of pages has markers.
    expect(await page.evaluate<string>("getComputedStyle(document.querySelector('header ul')).listStyleType")).toBe(
      'none',
    )
  })

  it('lets a person in by the link, and keeps the session', async () => {
    const links: string[] = []
    const options = { host: '127.0.0.1', port: 0, isPublic: true, onLink: (link: string) => void links.push(link) }
    await using guarded = await serveDashboard(source, options)
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    const page = await context.newPage()
    expect((await page.goto(guarded.url))?.status()).toBe(401)
    await page.goto(links[0]!)
    expect(page.url()).toBe(`${guarded.url}/`)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    expect((await page.reload())?.status()).toBe(200)
  })
})
