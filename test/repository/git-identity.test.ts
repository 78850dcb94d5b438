// Who commits, from everywhere that Git looks: both implementations answer as `git var` does.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { commit, openGit } from '../../src/repository/git/index.js'
import { parseConfig } from '../../src/repository/git/isomorphic/config-text.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, temporaryFolder, write } from './harness.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: Git's identity, since ${gitIsMissing}\n`)

const context = callContext()
const ann = '[user]\n\tname = Ann Example\n\temail = ann@example.org\n'

/** A repository, a home and the variables of a process in which nobody has set anything. */
function bare() {
  const folder = temporaryFolder()
  const [root, home] = [join(folder, 'work/project'), join(folder, 'home')]
  mkdirSync(root, { recursive: true })
  git(root, 'init', '-q', '-b', 'main')
  mkdirSync(home)
  const environment: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    GIT_CONFIG_SYSTEM: join(folder, 'system'),
  }
  return { root, home, system: join(folder, 'system'), environment }
}

const cases: readonly (readonly [string, (place: ReturnType<typeof bare>) => void, string | undefined])[] = [
  ['nowhere', () => {}, undefined],
  ['global', ({ home }) => write(home, '.gitconfig', ann), 'Ann Example'],
  ['global, below .config', ({ home }) => write(home, '.config/git/config', ann), 'Ann Example'],
  [
    'global, in a file of its own',
    ({ home, environment }) => {
      write(home, 'mine', ann)
      environment['GIT_CONFIG_GLOBAL'] = join(home, 'mine')
    },
    'Ann Example',
  ],
  ['system', ({ system }) => writeFileSync(system, ann), 'Ann Example'],
  [
    'system, which is switched off',
    ({ system, environment }) => {
      writeFileSync(system, ann)
      environment['GIT_CONFIG_NOSYSTEM'] = '1'
    },
    undefined,
  ],
  [
    'local before global',
    ({ root, home }) => {
      write(home, '.gitconfig', ann)
      git(root, 'config', 'user.name', 'Local Lee')
    },
    'Local Lee',
  ],
  [
    'variables before files',
    ({ root, environment }) => {
      git(root, 'config', 'user.name', 'Local Lee')
      git(root, 'config', 'user.email', 'lee@example.org')
      environment['GIT_AUTHOR_NAME'] = 'Var Vim'
    },
    'Var Vim',
  ],
  [
    'settings in variables',
    ({ environment }) => {
      Object.assign(environment, {
        GIT_CONFIG_COUNT: '2',
        GIT_CONFIG_KEY_0: 'User.Name',
        GIT_CONFIG_VALUE_0: 'Counted Kim',
        GIT_CONFIG_KEY_1: 'user.email',
        GIT_CONFIG_VALUE_1: 'kim@example.org',
      })
    },
    'Counted Kim',
  ],
  [
    'an included file',
    ({ home }) => {
      write(home, '.gitconfig', '[include]\n\tpath = who/me.inc\n')
      write(home, 'who/me.inc', ann)
    },
    'Ann Example',
  ],
  [
    'a file included for this folder',
    ({ home, root }) => {
      write(
        home,
        '.gitconfig',
        `[user]\n\tname = At Home\n\temail = h@example.org\n[includeIf "gitdir:${join(root, '..')}/"]\n\tpath = ~/work.inc\n`,
      )
      write(home, 'work.inc', ann)
    },
    'Ann Example',
  ],
  [
    'a file included for another folder',
    ({ home }) => {
      write(
        home,
        '.gitconfig',
        '[user]\n\tname = At Home\n\temail = h@example.org\n[includeIf "gitdir:~/elsewhere/"]\n\tpath = ~/work.inc\n',
      )
      write(home, 'work.inc', ann)
    },
    'At Home',
  ],
  [
    'a file included for this branch',
    ({ home }) => {
      write(home, '.gitconfig', '[includeIf "onbranch:ma*"]\n\tpath = ~/work.inc\n')
      write(home, 'work.inc', ann)
    },
    'Ann Example',
  ],
  [
    'of authors alone',
    ({ root, home }) => {
      write(home, '.gitconfig', ann)
      git(root, 'config', 'author.name', 'Author Ada')
    },
    'Author Ada',
  ],
  ['a name alone', ({ root }) => git(root, 'config', 'user.name', 'Nobody'), undefined],
  [
    'a name alone, and EMAIL',
    ({ root, environment }) => {
      git(root, 'config', 'user.name', 'Mail Mo')
      environment['EMAIL'] = 'mo@example.org'
    },
    'Mail Mo',
  ],
]

describe.skipIf(gitIsMissing !== undefined).each([
  ['native', 'git'],
  ['isomorphic', false],
] as const)('the identity that %s git finds', (_kind, program) => {
  it.each(cases)('%s', async (_where, set, name) => {
    const place = bare()
    set(place)
    const { root, environment } = place
    const library = await openGit(root, context, { program, environment })
    const author = await library.author()
    expect(author?.name).toBe(name)
    if (name === undefined) {
      write(root, 'a.txt')
      await expect(commit(library, { message: 'x', paths: ['a.txt'] }, context)).rejects.toMatchObject({
        code: 'repository-invalid',
        message: expect.stringContaining('git config --global user.name'),
      })
    } else {
      const said = execFileSync('git', ['var', 'GIT_AUTHOR_IDENT'], { cwd: root, env: environment, encoding: 'utf8' })
      expect(said.startsWith(`${author?.name} <${author?.email}> `)).toBe(true)
    }
  })
})

it.skipIf(gitIsMissing !== undefined)('the identity that a person sets after an error is found', async () => {
  const { root, home, environment } = bare()
  const library = await openGit(root, context, { environment })
  expect(await library.author()).toBe(undefined)
  write(home, '.gitconfig', ann)
  expect(await library.author()).toMatchObject({ name: 'Ann Example' })
})

it.skipIf(gitIsMissing !== undefined)('settings are read as git reads them', () => {
  const folder = temporaryFolder()
  const text = [
    '\uFEFF[core]',
    'bare',
    '  Editor = "vim \\"-u\\" NONE" ; a comment',
    '[remote "Ori.gin"] url = https://example.org/a#b',
    '\tpushUrl="https://example.org/a#b"  # another',
    'fetch = +refs/heads/*:refs/remotes/origin/* \\',
    '   continued',
    '[User]',
    '\tname =   two   spaces   ',
    '\tempty =',
    '\tescaped = a\\tb\\\\c',
    '[alias "x \\"y\\""]',
    'one = two ; three',
    '',
  ].join('\n')
  write(folder, 'config', text)
  const expected = git(folder, 'config', '--file', 'config', '--list', '-z')
    .split('\0')
    .slice(0, -1)
    .map((line) => (line.includes('\n') ? line.split('\n') : [line, 'true']))
  expect(parseConfig(text).map(({ key, value }) => [key, value])).toEqual(expected)
})
