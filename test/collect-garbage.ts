import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// One process runs many test files in `npm test`. The larger it is, the longer it takes to start another, such as Git.
const host = globalThis as { heapKeptBytes?: number }
const heapBytes = () => process.memoryUsage().heapUsed
if (heapBytes() - (host.heapKeptBytes ?? 0) > 50_000_000) {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  host.heapKeptBytes = heapBytes()
}
