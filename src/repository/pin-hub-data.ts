import { join } from 'node:path'
import { isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { type CallContext, SheikhError } from '../core/index.js'
import { readTextFile, writeFileAtomic } from '../store/index.js'
import { formatHubData, isHubAddress, isPinned, parseHubData } from './config/index.js'
import { hubConnection } from './hub-id.js'
import { refuseLinks } from './refuse-links.js'
import type { Surroundings } from './release-targets.js'

/** What pinning a dataset of the Hub changed. JSON. */
export interface PinnedData {
  /** The file that names the dataset. Commit it. */
  readonly path: string
  /** The value of `samples` before. */
  readonly before: string
  /** The value of `samples` now. */
  readonly after: string
  /** The revision that was looked up. */
  readonly revision: string
  /** Its commit, 40 hexadecimal digits. */
  readonly commit: string
}

const settings = 'dataset/config.yaml'

/**
 * Writes the commit of a dataset's revision on the Hub into `samples` of dataset/config.yaml. Comments are kept.
 *
 * @param revision a branch, a tag, a commit or a ref. @default the revision in `samples`; `main` if that is a commit or absent
 * @throws `invalid-config` if `samples` names no dataset of the Hub; `not-found`, `access-denied`, `remote-failed`.
 */
export async function pinHubData(
  { root, environment }: Pick<Surroundings, 'root' | 'environment'>,
  revision: string | undefined,
  context: CallContext,
): Promise<PinnedData> {
  await refuseLinks(root, [settings])
  const path = join(root, settings)
  const document = parseDocument((await readTextFile(path)) ?? '')
  const refuse = (fact: string, remedy: string) =>
    new SheikhError('invalid-config', `Cannot pin the data: ${fact}. ${remedy}.`, { facts: { file: settings } })
  const [problem] = document.errors
  if (problem !== undefined) throw refuse(`${settings} is not YAML (${problem.message.split('\n')[0]})`, 'Correct it')
  const found = isMap(document.contents) ? document.contents.get('samples', true) : undefined
  const node = isSeq(found) && found.items.length === 1 ? found.items[0] : found
  const before = isScalar(node) ? node.value : undefined
  if (!isScalar(node) || typeof before !== 'string' || !isHubAddress(before))
    throw refuse(
      `"samples" in ${settings} names no dataset of the Hugging Face Hub`,
      'Write it like samples: hf:datasets/owner/name',
    )
  const address = parseHubData(before)
  if (typeof address === 'string') throw refuse(`"${before}" ${address}`, `Correct "samples" in ${settings}`)
  const wanted = revision ?? (isPinned(address) ? 'main' : (address.revision ?? 'main'))
  const { hubCommit } = await import('../releaser/huggingface/index.js')
  const commit = await hubCommit(
    { ...hubConnection(environment), repository: address.repository, revision: wanted },
    context,
  )
  const after = formatHubData({ ...address, revision: commit })
  node.value = after
  if (after !== before) await writeFileAtomic(path, document.toString({ lineWidth: 0 }))
  return { path: settings, before, after, revision: wanted, commit }
}
