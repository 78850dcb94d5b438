import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { sheikh, temporary, write } from './harness.js'

let folder = ''
beforeAll(async () => {
  folder = await temporary()
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, out } = await sheikh('/', ['completion', shell])
    expect(code).toBe(0)
    await write(folder, shell, out)
  }
})

const has = (shell: string) => {
  const found = spawnSync(shell, ['--version']).status === 0
  if (!found) process.stdout.write(`skipped: completion in ${shell} (no program "${shell}")\n`)
  return found
}

const commands = async () => {
  const { out } = await sheikh('/', ['--help'])
  return [...out.split('Global options')[0]!.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name!)
}

/** What each of these lines offers for its last word. */
const cases: readonly (readonly [line: readonly string[], offers: readonly string[]])[] = [
  [['ro'], ['rollback']],
  [['rep'], ['reproduce', 'republish', 'report']],
  [
    ['run', '--re'],
    ['--retrain', '--release-as', '--report', '--redis'],
  ],
  [
    ['run', '--release-as', ''],
    ['patch', 'minor', 'major'],
  ],
  [['--json', '--project', 'x', 'run', '--all'], ['--allow-dirty']],
  [['evaluation', 'p'], ['pin']],
  [['evaluation', 'pin', '--sh'], ['--share']],
  [
    ['gate', ''],
    ['accept', 'compare', 'plan', 'test'],
  ],
  [['help', 'hist'], ['history']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
]

describe('bash', () => {
  const complete = (words: readonly string[]): readonly string[] => {
    const script = `source "$1"; shift; COMP_WORDS=(sheikh "$@"); COMP_CWORD=$#; _sheikh; printf '%s\\n' "\${COMPREPLY[@]}"`
    const out = execFileSync('bash', ['--norc', '-c', script, 'bash', join(folder, 'bash'), ...words], {
      encoding: 'utf8',
    })
    return out.split('\n').filter((line) => line !== '')
  }

  it.each(cases)('%j offers %j', (line, offers) => expect(complete(line)).toEqual(offers))

  it('offers every command, and every option that the help lists', async () => {
    const names = await commands()
    expect(complete([''])).toEqual([...names, 'help'])
    for (const name of names) {
      const { out } = await sheikh('/', [name, '--help'])
      const options = [...out.matchAll(/^ {2}(--\S+)/gm)].map(([, option]) => option!)
      expect(complete([name, '--']), name).toEqual(expect.arrayContaining(options))
    }
  })

  it('leaves values, folders and files to the shell', () => {
    for (const words of [
      ['--project', ''],
      ['run', '--report', ''],
      ['verify', ''],
      ['evaluation', 'pin', ''],
      ['nothing', ''],
    ])
      expect(complete(words)).toEqual([])
  })
})

describe.skipIf(!has('fish'))('fish', () => {
  it.each(cases)('%j offers %j', (line, offers) => {
    const script = 'source $argv[1]; complete -C $argv[2]'
    const out = execFileSync('fish', ['--no-config', '-c', script, join(folder, 'fish'), `sheikh ${line.join(' ')}`], {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder },
    })
    const words = out.split('\n').map((each) => each.split('\t')[0]!)
    expect(words.filter((word) => word !== '').toSorted()).toEqual(offers.toSorted())
  })
})

describe.skipIf(!has('zsh'))('zsh', () => {
  // A shell in a pseudo-terminal: the completion functions only work while a line is edited.
  const complete = (line: string) => {
    const script = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "autoload -Uz compinit; compinit -D; source $1
dump() { print -r -- \\$BUFFER > $3.part; mv $3.part $3 }; zle -N dump; bindkey '^Xd' dump; print rea''dy"
zpty -r shell output '*ready*'
zpty -w -n shell "$2"$'\\t\\C-xd'
while [[ ! -e $3 ]]; do zpty -r -t shell output; sleep 0.05; done
zpty -d shell
cat $3`
    const file = join(folder, `zsh-${line.replaceAll(' ', '-')}`)
    const argv = ['-f', '-c', script, 'zsh', join(folder, 'zsh'), line, file]
    return execFileSync('zsh', argv, { encoding: 'utf8', timeout: 60_000 })
  }

  it.each([
    ['sheikh roll', 'sheikh rollback'],
    ['sheikh run --retr', 'sheikh run --retrain'],
    ['sheikh run --release-as ma', 'sheikh run --release-as major'],
    ['sheikh evaluation rep', 'sheikh evaluation repin'],
  ])('%s becomes %s', (typed, completed) => {
    expect(complete(typed)).toContain(completed)
  })
})

it('another shell is an error', async () => {
  const { code, err } = await sheikh('/', ['completion', 'tcsh'])
  expect([code, err]).toEqual([1, expect.stringContaining('bash, zsh or fish')])
})
