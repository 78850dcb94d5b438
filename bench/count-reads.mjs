// Preloaded into a process: writes to COUNT_FILE how many files it opened below COUNT_UNDER, and its peak memory.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { peakMemoryKb } from './reference/peak-memory.mjs'

const { COUNT_UNDER, COUNT_FILE } = process.env
const { writeFileSync } = fs
let count = 0
const reading = ['open', 'openSync', 'readFile', 'readFileSync', 'createReadStream']
for (const owner of [fs, fs.promises])
  for (const name of reading) {
    const original = owner[name]
    if (original === undefined) continue
    owner[name] = (path, ...rest) => {
      if (String(path).startsWith(COUNT_UNDER)) count += 1
      return original.call(owner, path, ...rest)
    }
  }
syncBuiltinESMExports()
process.on('exit', () => {
  writeFileSync(COUNT_FILE, JSON.stringify({ reads: count, peakKb: peakMemoryKb() }))
})
