import type { Release } from '../releaser/index.js'
import type { Session } from './session.js'

/** All releases, newest first. */
export async function readHistory(session: Pick<Session, 'options' | 'context'>): Promise<readonly Release[]> {
  const releases: Release[] = []
  for await (const release of session.options.releaser.history(session.context)) releases.push(release)
  return releases
}
