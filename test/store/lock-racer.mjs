// Takes a store's lock again and again: node lock-racer.mjs <compiled rooms> <store> <log> <times>
// With `die` in the place of a number it dies while it holds the lock.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const [rooms, root, log, times] = process.argv.slice(2)
const { callContext } = await import(pathToFileURL(join(rooms, 'core/index.js')))
const { directoryStore } = await import(pathToFileURL(join(rooms, 'store/directory/index.js')))
const store = directoryStore(root)

if (times === 'die') {
  await store.lock('die', callContext())
  await store.workDirectory('left')
  process.kill(process.pid, 'SIGKILL')
}
for (let taken = 0; taken < Number(times); ) {
  try {
    const lock = await store.lock('race', callContext())
    appendFileSync(log, `enter ${lock.token}\n`)
    await setTimeout(2)
    await lock.check()
    appendFileSync(log, `leave ${lock.token}\n`)
    await lock.release()
    taken += 1
  } catch (error) {
    if (error.code !== 'locked') throw error
    await setTimeout(1)
  }
}
