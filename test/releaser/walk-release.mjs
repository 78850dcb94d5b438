// One act on a registry, as a run makes it: node walk-release.mjs <compiled rooms> <registry> <act> [argument]
//   release <bundle>           recovers, then releases 0.1.1 as a run does: prepare, verify, publish, point, withdraw 0.1.0
//   publish <pending.json>     publishes what the file says, once <registry>/../go is there
//   point <version>            points the channel "race" at it, expecting 0.1.0, once <registry>/../go is there
// Prints `done`, or the code of an error of ours and whether it may be tried again; the exit code is 4 then.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const [rooms, registry, act, argument] = process.argv.slice(2)
const load = (path) => import(pathToFileURL(join(rooms, path)).href)
const { callContext } = await load('core/index.js')
const { directoryRegistry } = await load('releaser/directory/index.js')
const { readBundle } = await load('releaser/index.js')

const context = callContext()
const releaser = directoryRegistry(registry)

async function allReleases() {
  const found = []
  for await (const release of releaser.history(context)) found.push(release)
  return found
}

async function completePostPublish({ version, postPublish }) {
  const current = await releaser.current(postPublish.channel, context)
  await releaser.point(postPublish.channel, version, current?.version, context)
  for (const withdrawn of postPublish.withdraws) await releaser.withdraw(withdrawn, postPublish.reason, context)
}

async function release() {
  const [newest] = await allReleases()
  if (newest !== undefined) await completePostPublish(newest)
  for await (const { pending } of releaser.pending(context)) await releaser.discard(pending, context)
  if ((await allReleases()).some(({ version }) => version === '0.1.1')) return
  const postPublish = { channel: 'latest', withdraws: ['0.1.0'], reason: 'worse' }
  const record = { runId: 'second', atMs: 2 }
  const bundle = await readBundle(argument, context)
  const pending = await releaser.prepare({ bundle, version: '0.1.1', postPublish, record }, context)
  await releaser.verify(pending, context)
  await completePostPublish(await releaser.publish(pending, context))
}

async function started() {
  process.stdout.write('ready ')
  while (!existsSync(join(registry, '../go'))) await setTimeout(1)
}

try {
  if (act === 'release') await release()
  if (act === 'publish') {
    const pending = JSON.parse(await readFile(argument, 'utf8'))
    await started()
    await releaser.publish(pending, context)
  }
  if (act === 'point') {
    await started()
    await releaser.point('race', argument, '0.1.0', context)
  }
  process.stdout.write('done')
} catch (error) {
  process.stdout.write(`${error.code} retryable=${error.retryable} ${error.name} ${error.message}`)
  process.exitCode = 4
}
