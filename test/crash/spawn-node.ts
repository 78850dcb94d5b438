import { spawn } from 'node:child_process'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/** Runs Node and waits for its end. */
export function spawnNode(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, parameters, {
      env: { ...process.env, NODE_OPTIONS: '', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (piece) => (output += piece))
    child.stderr.on('data', (piece) => (output += piece))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}

/** Runs `work` for 1..count, some at a time. Fails if there is nothing to run: a sample without a point shows nothing. */
export async function forEachUpTo(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  if (count < 1) throw new Error('The sample contains no point. Choose a smaller step for everyNth.')
  let next = 0
  const worker = async () => {
    while (next < count) {
      next += 1
      await work(next)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
