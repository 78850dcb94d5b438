// Joins samples to features. Prints the digest of the values, and what the process used. Arguments: compiled rooms, the folder.
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { peakMemoryKb } from './peak-memory.mjs'

const [rooms, folder] = process.argv.slice(2)
const { joinFeatures, sampleFiles } = await import(pathToFileURL(join(rooms, 'dataset/index.js')).href)
const { text } = await joinFeatures(sampleFiles(join(folder, 'samples')), {
  timestamp: 'at',
  timestampUnit: 'ms',
  whenCreatedLater: 'allow',
  views: [{ name: 'drivers', feast: folder, features: { x: 'x', n: 'n' } }],
})
let values = 0
let sum = 0
for (const line of text.split('\n').slice(1, -1)) {
  const [, , x] = JSON.parse(line)
  if (x === null) continue
  values += 1
  sum += x
}
const { userCPUTime, systemCPUTime } = process.resourceUsage()
process.stdout.write(
  JSON.stringify({ values, sum, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, maxRss: peakMemoryKb() }),
)
