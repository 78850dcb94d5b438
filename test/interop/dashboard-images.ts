// npm run docs:images: takes the pictures of docs/dashboard.md again, from a project that it makes.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectSource, serveDashboard } from '../../src/dashboard/index.js'
import { openRepository } from '../../src/repository/index.js'
import { makeDemoProject } from '../dashboard/demo-project.js'
import { chromiumPath, openChromium } from './chromium.js'
import { startRun } from './start-run.js'

const width = 1100
const images = join(import.meta.dirname, '../../docs/images')

if (chromiumPath() === undefined) {
  console.log('Skipped: Chromium is not installed. Install it: npm run setup:interop')
  process.exit()
}
const folder = await mkdtemp(join(tmpdir(), 'dashboard-images-'))
const project = join(folder, 'project')
// The pictures name nobody who takes them.
await writeFile(join(folder, 'gitconfig'), '[user]\n\tname = Ada\n\temail = ada@example.org\n')
process.env['GIT_CONFIG_GLOBAL'] = join(folder, 'gitconfig')
await mkdir(images, { recursive: true })
await makeDemoProject(project, 30_000)
const source = await projectSource(await openRepository(project))
await using server = await serveDashboard(source, { host: '127.0.0.1', port: 0, isPublic: false })
await using browser = await openChromium()

async function take(name: string, path: string, height: number, colorScheme: 'light' | 'dark'): Promise<void> {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme })
  await page.goto(`${server.url}/${path}`)
  if (name === 'run') await page.getByText(/training: [3-9]\d %/).waitFor({ timeout: 60_000 })
  const file = join(images, `dashboard-${name}.png`)
  await page.screenshot({ path: file })
  await page.close()
  console.log(file)
}

await take('overview', 'index.html', 836, 'light')
const [, , held] = await source.pipeline.runIds()
await take('held', `runs/${held}.html`, 780, 'dark')
const run = startRun(project)
const before = (await source.pipeline.runIds()).length
while ((await source.pipeline.runIds()).length === before) await new Promise((resolve) => setTimeout(resolve, 100))
const [newest] = await source.pipeline.runIds()
await take('run', `runs/${newest}.html`, 420, 'light')
run.kill()
await rm(folder, { recursive: true, force: true, maxRetries: 3 })
