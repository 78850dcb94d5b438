import { cpSync } from 'node:fs'
import { initRepository } from '../src/repository/index.js'
import { madeOnce } from './made-once.js'

/** What `sheikh init` makes, under the name "tickets": 200 samples, 80 of them pinned. To be copied. */
export const templateProject = (): Promise<string> =>
  madeOnce('project', (folder) => initRepository(folder, { name: 'tickets' }))

/** Copies it to `folder`. */
export async function copyTemplateProject(folder: string): Promise<void> {
  cpSync(await templateProject(), folder, { recursive: true })
}
