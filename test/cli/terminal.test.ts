import { spawn, spawnSync } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openTerminal } from '../../src/cli/open-terminal.js'
import { transferProgress } from '../../src/cli/progress.js'
import { runCommandLine } from '../../src/cli/run-command-line.js'
import { styled } from '../../src/cli/styled-text.js'
import { SheikhError } from '../../src/core/index.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import {
  edit,
  main,
  programEnvironment,
  project,
  releasedProject,
  sheikh,
  start,
  temporary,
  trainLonger,
  write,
} from './harness.js'
import { screenOf } from './screen.js'

const colour = /\u001b\[\d+m/

function fakeStreams(columns?: () => number) {
  const written: string[] = []
  const write = (text: string) => void written.push(text)
  const signal = new AbortController().signal
  return {
    written,
    streams: {
      cwd: '/',
      signal,
      out: write,
      err: write,
      colours: { out: true, err: true },
      ...(columns && { columns }),
    },
  }
}

const plain = { json: false, quiet: false, verbose: false, colours: true }

describe('the status line', () => {
  it('stays below all other text, and leaves nothing behind', () => {
    const { written, streams } = fakeStreams(() => 40)
    const terminal = openTerminal(streams, plain)
    terminal.showStatus!(() => 'train  10 %')
    terminal.err('warning: one\n')
    expect(screenOf(written.join(''), 40)).toEqual(['warning: one', 'train  10 %'])
    terminal.showStatus!(() => 'train  20 %')
    terminal.out('a result\n')
    terminal.close()
    terminal.out('the end\n')
    expect(screenOf(written.join(''), 40)).toEqual(['warning: one', 'a result', 'the end', ''])
  })

  it('follows a window that is resized, and never reaches the last column', () => {
    let width = 60
    const { written, streams } = fakeStreams(() => width)
    const terminal = openTerminal(streams, plain)
    for (width of [60, 25, 10, 1, 80]) {
      terminal.showStatus!((columns) => '#'.repeat(columns))
      const last = written.at(-1)!
      expect(screenOf(last, width)).toHaveLength(1)
      expect(last.split('#').length - 1).toBe(Math.max(1, width - 1))
    }
    terminal.close()
  })

  it('ends before a prompt, which it would overwrite', async () => {
    const { written, streams } = fakeStreams(() => 40)
    const ask = async (prompt: string) => {
      written.push(prompt)
      await setTimeout(300)
      return 'yes'
    }
    const terminal = openTerminal({ ...streams, ask }, plain)
    terminal.showStatus!(() => 'busy')
    expect(await terminal.ask!('sure? ')).toBe('yes')
    expect(screenOf(written.join(''), 40)).toEqual(['sure?'])
    terminal.close()
  })

  it('shows the transfer of a file, and is not asked for without a terminal', () => {
    const { written, streams } = fakeStreams(() => 60)
    const terminal = openTerminal(streams, plain)
    const transfer = transferProgress(terminal)!
    transfer({ direction: 'upload', path: 'a.bin', progress: 1 })
    transfer({ direction: 'download', path: 'b\u001b[2J', progress: 0.5 })
    expect(screenOf(written.join(''), 60)[0]).toMatch(/^download b\\u001b\[2J \[=+> *\] {2}50 %$/)
    terminal.close()
    expect(transferProgress(openTerminal(fakeStreams().streams, plain))).toBe(undefined)
  })

  it('escapes what it shows', () => {
    const { written, streams } = fakeStreams(() => 60)
    const terminal = openTerminal(streams, plain)
    terminal.showStatus!(() => 'stage\u001b[2J')
    terminal.close()
    expect(written.join('')).not.toContain('\u001b[2J')
  })

  it('is absent with --json, with --quiet, and if the output is a file', () => {
    const { streams } = fakeStreams(() => 60)
    expect(openTerminal(streams, { ...plain, json: true }).showStatus).toBe(undefined)
    expect(openTerminal(streams, { ...plain, quiet: true }).showStatus).toBe(undefined)
    expect(openTerminal(fakeStreams().streams, plain).showStatus).toBe(undefined)
  })
})

describe('colours', () => {
  it('never come from data', () => {
    const { written, streams } = fakeStreams()
    openTerminal(streams, plain).out([styled('good', 'yes\u001b[31m'), '\u001b[31mno'])
    expect(written.join('')).toBe('\u001b[32myes\\u001b[31m\u001b[39m\\u001b[31mno')
  })

  it('are used where the streams show them, and not with --no-color', async () => {
    const folder = await temporary()
    for (const [argv, coloured] of [
      [['status', '--project', folder], true],
      [['status', '--no-color', '--project', folder], false],
      [['--no-color', 'status', '--project', folder], false],
    ] as const) {
      const { written, streams } = fakeStreams()
      expect(await runCommandLine(argv, streams)).toBe(1)
      expect(colour.test(written.join(''))).toBe(coloured)
    }
  })

  itInFull('of a process follow FORCE_COLOR, NO_COLOR and what the output is', async () => {
    const folder = await temporary()
    for (const [env, coloured] of [
      [{}, false],
      [{ FORCE_COLOR: '1' }, true],
      ...(isWhole ? [[{ FORCE_COLOR: '0' }, false] as const, [{ NO_COLOR: '1' }, false] as const] : []),
    ] as const) {
      const { code, err } = await start(folder, ['status'], { env }).ended
      expect(code).toBe(1)
      expect(colour.test(err), JSON.stringify(env)).toBe(coloured)
    }
  })
})

describe('--quiet', () => {
  it('prints only the result', async () => {
    const folder = await project()
    await edit(folder, 'mlops/pipeline.yaml', (text) => `${text}unknown_key: 1\n`)
    const loud = await sheikh(folder, ['plan'])
    expect(loud.err).toContain('unknown_key')
    for (const argv of [
      ['plan', '--quiet'],
      ...(isWhole
        ? [
            ['-q', 'plan'],
            ['--quiet', 'plan'],
          ]
        : []),
    ])
      expect(await sheikh(folder, argv)).toEqual({ ...loud, err: '' })
    const { code, out, err } = await sheikh(folder, ['run', '--allow-dirty', '-q'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^Released 0\.1\.0/)
  })

  it('still prints errors', async () => {
    const folder = await project()
    await write(folder, 'dataset/samples/billing/broken.json', '{')
    for (const command of ['run', 'validate']) {
      const { code, err } = await sheikh(folder, [command, '--quiet', ...(command === 'run' ? ['--allow-dirty'] : [])])
      expect(code).toBe(1)
      expect(err).toContain('broken.json')
    }
  })
})

describe('--verbose', () => {
  it('adds the stack and the cause of an error, redacted', async () => {
    const { written, streams } = fakeStreams()
    const token = ['hf', '_abcdefghijklmnopqrstuvwx'].join('')
    const cause = new Error(`the disk is full, ${token}`)
    const error = new SheikhError('storage-failed', 'Cannot write.', { cause })
    openTerminal(streams, { ...plain, colours: false, verbose: true }).printError(error)
    const text = written.join('')
    expect(text).toMatch(/^sheikh: Cannot write\. \[storage-failed\] See docs\/errors\.md#storage-failed\n/)
    expect(text).toMatch(/terminal\.test\.ts:\d+/)
    expect(text).toContain('the disk is full, [secret]')

    const folder = await temporary()
    const [short, long] = [await sheikh(folder, ['status']), await sheikh(folder, ['status', '--verbose'])]
    expect(short.err).not.toContain('    at ')
    expect(long.err.startsWith(short.err)).toBe(true)
    expect(long.err).toContain('    at ')
    expect(JSON.parse((await sheikh(folder, ['status', '--verbose', '--json'])).out).error.stack).toContain('    at ')
  })
})

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false
if (!hasScript) process.stdout.write('skipped: a real terminal (no program "script" of util-linux)\n')

/** The command line on a real pseudo-terminal. @returns all that the terminal received. */
function onTerminal(
  cwd: string,
  argv: readonly string[],
  columns: number,
  env: Readonly<Record<string, string>> = {},
  onOutput: (received: string, type: (keys: string) => void) => void = () => {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const command = [process.execPath, main, ...argv].map((part) => `'${part}'`).join(' ')
  return new Promise((done, fail) => {
    const child = spawn('script', ['-qec', `tty; stty cols ${columns} rows 24; ${command}`, '/dev/null'], {
      cwd,
      env: { ...programEnvironment, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (piece) => {
      output += piece
      onOutput(output, (keys) => child.stdin.write(keys))
    })
    child.on('error', fail)
    // Without the first line, which names the terminal.
    child.on('close', (code) => done({ code, output: output.replace(/^.*\r\n/, '') }))
  })
}

describe.skipIf(!hasScript)('a real terminal', () => {
  // A narrow one, too, where it is made narrower.
  it.each(isWhole ? [80, 34] : [80])(
    'of %i columns: a bar while it trains, and one line a stage in the end',
    async (columns) => {
      const folder = await project()
      await trainLonger(folder, 40)
      const { code, output } = await onTerminal(folder, ['run'], columns)
      expect(code).toBe(0)
      expect(output).toMatch(colour)
      expect(output).toMatch(/\rtrain .*\d+ %.*\d+ m?s left/)
      if (columns === 80) expect(output).toMatch(/\rtrain \[=+>? *\] +\d+ % {2}\d+\/\d+ {2}[\d.]+ steps\/s {2}/)
      expect(output).toMatch(/\revaluate candidate .*100 %/)
      for (const [, line] of output.matchAll(/\r([^\r\n\u001b]*)\u001b\[K/g)) expect(line!.length).toBeLessThan(columns)
      const shown = screenOf(output.replaceAll('\r\n', '\n'), columns)
      const stages = shown.slice(0, 5).map((line) => line.replace(/: [\d.]+ (s|min).*$/, ''))
      expect(stages).toEqual(['validate', 'train', 'evaluate', 'gate', 'release'])
      expect(shown[5]).toMatch(/^Released 0\.1\.0/)
    },
  )

  itInFull('that is made narrower while it trains: the next line fits', async () => {
    const folder = await project()
    // Longer than the test: it stops the run as soon as it has seen a line that fits.
    await trainLonger(folder, 50_000)
    const linesOf = (output: string) =>
      [...output.matchAll(/\r(train [^\r\n\u001b]*)\u001b\[K/g)].map(([, line]) => line!.length)
    let isNarrow = false
    let isStopped = false
    const { code, output } = await onTerminal(folder, ['run'], 80, {}, (received, type) => {
      const [, device] = /^(\/dev\/\S+)/.exec(received)!
      const last = linesOf(received).at(-1)
      if (!isNarrow && last !== undefined && last > 34) {
        isNarrow = true
        spawnSync('stty', ['-F', device!, 'cols', '34'])
      } else if (isNarrow && !isStopped && last! < 34) {
        isStopped = true
        type('\u0003')
      }
    })
    expect([code, isStopped]).toEqual([130, true])
    expect(output).toMatch(/stopped by SIGINT/)
  })

  itInFull('while a release is published again: its steps', async () => {
    const folder = await releasedProject()
    const argv = ['republish', '0.1.0', '--reason', 'again', '--by', 'Ada']
    const { code, output } = await onTerminal(folder, argv, 80)
    expect(code).toBe(0)
    expect(output).toMatch(/\rrepublish … {2}[\d.]+ s {2}prepared 0\.1\.1\u001b\[K/)
    expect(screenOf(output.replaceAll('\r\n', '\n'), 80)[0]).toMatch(/^Restored: 0\.1\.1/)
  })

  itInFull('with TERM=dumb: lines as in a file, without colours', async () => {
    const { code, output } = await onTerminal(await project(), ['run'], 80, { TERM: 'dumb' })
    expect(code).toBe(0)
    expect(output).not.toContain('\u001b')
    expect(output).toMatch(/train …\r\n {2}step \d+ of \d+/)
  })

  itInFull('with NO_COLOR: a bar without colours', async () => {
    const { output } = await onTerminal(await project(), ['run'], 80, { NO_COLOR: '1' })
    expect(output).not.toMatch(colour)
    expect(output).toContain('\u001b[K')
  })
})
