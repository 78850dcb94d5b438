import { cpSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dashboardHandler } from '../../src/dashboard/handler.js'
import { type DashboardSource, type ProjectSourceOptions, projectSource } from '../../src/dashboard/index.js'
import type { Pipeline } from '../../src/pipeline/index.js'
import { openRepository } from '../../src/repository/index.js'
import { madeOnce } from '../made-once.js'
import { makeDemoProject } from './demo-project.js'

/** Removed when all tests have ended. */
export const newFolder = () => mkdtemp(join(tmpdir(), 'dashboard-'))

/** A copy of the project of `makeDemoProject`. */
export async function demoProject(): Promise<string> {
  const folder = join(await newFolder(), 'project')
  cpSync(await madeOnce('dashboard-project', (made) => makeDemoProject(made)), folder, { recursive: true })
  return folder
}

export const sourceOf = async (folder: string, options: ProjectSourceOptions = {}): Promise<DashboardSource> =>
  projectSource(await openRepository(folder), options)

/** The dashboard of a pipeline without a repository. */
export const pipelineSource = (
  pipeline: Pipeline<string, string>,
  changes: Partial<DashboardSource> = {},
): DashboardSource => ({
  project: 'tickets',
  pipeline: pipeline as unknown as Pipeline<unknown, unknown>,
  commit: async () => undefined,
  log: async () => {
    throw new Error('no repository')
  },
  details: async () => ({ details: {} }),
  includeText: false,
  panels: [],
  ...changes,
})

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** A browser of this machine that opens pages of the dashboard. */
export function browser(source: DashboardSource) {
  const handler = dashboardHandler(source, { isPublic: false })
  const get = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const headers = { host: '127.0.0.1:8081', ...(init.headers as Record<string, string>) }
    const response = await handler(new Request(`http://localhost${path}`, { ...init, headers }))
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const json = async (path: string) => JSON.parse((await get(path)).text)
  return { get, json }
}
