// Takes and releases a lock on a file system without hard links: node no-hard-links.mjs <compiled rooms> <store>
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// As FAT answers on Linux.
fs.link = async () => {
  throw Object.assign(new Error('operation not permitted, link'), { code: 'EPERM', syscall: 'link' })
}
syncBuiltinESMExports()
const [rooms, root] = process.argv.slice(2)
const { callContext } = await import(pathToFileURL(join(rooms, 'core/index.js')))
const { directoryStore } = await import(pathToFileURL(join(rooms, 'store/directory/index.js')))
const lock = () => directoryStore(root).lock('run', callContext())

const settled = await Promise.allSettled([lock(), lock(), lock()])
const taken = settled.flatMap(({ value }) => value ?? [])
const refused = settled.flatMap(({ reason }) => reason?.code ?? [])
await taken[0].release()
const next = await lock()
process.stdout.write(JSON.stringify({ taken: taken.length, refused, next: next.token }))
await next.release()
