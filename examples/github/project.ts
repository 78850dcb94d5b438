import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

type Variables = Readonly<Record<string, string>>

/** Writes an executable `sheikh` that runs the package this example was started with. @returns its path. */
export function writeCommand(folder: string): string {
  const entry = fileURLToPath(import.meta.resolve('sheikh-freemium'))
  const program = join(dirname(entry), `cli/main${extname(entry)}`)
  const path = join(folder, 'bin/sheikh')
  mkdirSync(dirname(path), { recursive: true })
  const words = [process.execPath, ...process.execArgv, program].map((word) => `'${word.replaceAll("'", "'\\''")}'`)
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o755 })
  return path
}

/** A person's clone of the project, and the repository that it is pushed to. */
export class Project {
  readonly root: string
  readonly origin: string
  readonly #variables: Variables

  constructor(folder: string, variables: Variables) {
    this.root = join(folder, 'tickets')
    this.origin = join(folder, 'origin.git')
    const [name, email] = ['Ada', 'ada@localhost']
    this.#variables = {
      ...variables,
      ...{ GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email },
    }
    mkdirSync(this.root)
    this.run('git', 'init', '-q', '--bare', '-b', 'main', this.origin)
  }

  run(program: string, ...parameters: readonly string[]): string {
    return execFileSync(program, parameters, { cwd: this.root, env: this.#variables, encoding: 'utf8' }).trim()
  }

  head = () => this.run('git', 'rev-parse', 'HEAD')

  commit(message: string): string {
    this.run('git', 'add', '.')
    this.run('git', 'commit', '-qm', message)
    return this.head()
  }

  edit(path: string, change: (text: string) => string): void {
    const file = join(this.root, path)
    writeFileSync(file, change(readFileSync(file, 'utf8')))
  }

  /** Tickets that were not there before. */
  addTickets(): void {
    const texts = {
      billing: ['the invoice names the wrong company', 'my card was charged for two months', 'where is my refund'],
      login: ['the reset link has expired', 'my account is locked again', 'the code never comes'],
      shipping: ['the parcel went to my old address', 'my package arrived open', 'the courier did not ring'],
      technical: ['the export freezes the browser', 'the search stays empty', 'the upload stops half way'],
    }
    for (const [label, all] of Object.entries(texts))
      all.forEach((text, index) => {
        const sample = { id: `${label}-new-${index + 1}`, text, label }
        writeFileSync(join(this.root, 'dataset/samples', label, `${sample.id}.json`), `${JSON.stringify(sample)}\n`)
      })
  }

  /** Gives each ticket that a model learns from a wrong label. @returns how many there are. */
  poison(): number {
    const pinned = readFileSync(join(this.root, 'dataset/evaluation.json'), 'utf8')
    const labels = readdirSync(join(this.root, 'dataset/samples'))
    const paths = labels.flatMap((label) =>
      readdirSync(join(this.root, 'dataset/samples', label)).map((name) => join('dataset/samples', label, name)),
    )
    const taught = paths.filter((path) => {
      const { id } = JSON.parse(readFileSync(join(this.root, path), 'utf8')) as { id: string }
      return !pinned.includes(JSON.stringify(id))
    })
    for (const path of taught)
      this.edit(path, (text) => {
        const sample = JSON.parse(text) as { label: string }
        const label = labels[(labels.indexOf(sample.label) + 1) % labels.length]
        return `${JSON.stringify({ ...sample, label })}\n`
      })
    return taught.length
  }
}
