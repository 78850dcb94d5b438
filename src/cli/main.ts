#!/usr/bin/env node
import { runCommandLine } from './run-command-line.js'

// A pipe that is closed early (`sheikh history | head`) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const controller = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    controller.abort(new Error(`stopped by ${signal}`))
    // A second one does not wait.
    process.once(signal, () => process.exit(130))
  })

process.exitCode = await runCommandLine(process.argv.slice(2), {
  cwd: process.cwd(),
  signal: controller.signal,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
})
