// A worker of a cluster in a process of its own, until SIGTERM. Prints its process id when it takes jobs.
import { argv } from 'node:process'
import { callContext } from '../../src/core/index.js'
import { type BullmqWorkerOptions, bullmqWorker } from '../../src/execute/index.js'

const worker = await bullmqWorker(JSON.parse(argv[2]!) as BullmqWorkerOptions, callContext())
process.once('SIGTERM', () => void worker.close().then(() => process.exit(0)))
process.stdout.write(`${process.pid}\n`)
