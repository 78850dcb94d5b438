#!/usr/bin/env node
import { createInterface } from 'node:readline/promises'
import { WriteStream } from 'node:tty'
import { keepCompiledCode } from './keep-compiled-code.js'
import { loadScript } from './load-command-line.js'

// A pipe that closes early (`sheikh history | head`, `sheikh run 2>&1 | head`) is not an error and does not end the run.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exit(1)
  })

const controller = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    controller.abort(new Error(`stopped by ${signal}`))
    // A second signal exits immediately.
    process.once(signal, () => process.exit(130))
  })

// A program that starts this one with a channel stops it by closing the channel, as the system does if that program is killed.
if (process.send !== undefined) {
  const stop = () => controller.abort(new Error('stopped by the program that started the run'))
  process.once('disconnect', stop)
  process.channel?.unref()
  if (!process.connected) stop()
}

const argv = process.argv.slice(2)
const script = new URL('../command-line.cjs', import.meta.url)
const kept = loadScript(argv, { script, folder: keepCompiledCode(process.env), cwd: process.cwd() })
const { runCommandLine } = kept ?? (await import('./run-command-line.js'))

process.exitCode = await runCommandLine(argv, {
  cwd: process.cwd(),
  signal: controller.signal,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  colours: { out: showsColours(process.stdout), err: showsColours(process.stderr) },
  ...(process.stdin.isTTY
    ? { ask: askLine }
    : { readInput: async () => (await import('node:stream/consumers')).text(process.stdin) }),
  ...(process.stderr.isTTY && process.env['TERM'] !== 'dumb' && { columns: () => process.stderr.columns || 80 }),
})
if (!controller.signal.aborted) kept?.keep()

/** Node reads NO_COLOR, FORCE_COLOR and TERM. FORCE_COLOR also applies to an output that is not a terminal. */
function showsColours({ isTTY }: { readonly isTTY?: boolean }): boolean {
  const isAsked = isTTY === true || process.env['FORCE_COLOR'] !== undefined
  return isAsked && WriteStream.prototype.getColorDepth() > 1
}

async function askLine(prompt: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  // Ctrl-D ends the input without an answer. Ctrl-C goes to the process, which aborts the run.
  const closed = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)))
  lines.once('SIGINT', () => {
    lines.close()
    process.kill(process.pid, 'SIGINT')
  })
  try {
    return await Promise.race([lines.question(prompt), closed])
  } finally {
    lines.close()
  }
}
