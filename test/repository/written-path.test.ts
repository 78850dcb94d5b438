import { platform } from 'node:process'
import { expect, it } from 'vitest'
import { writtenPath } from '../../src/repository/git/index.js'

it.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', './a', '.git/config', 'a/.GIT/hooks/x', ''])(
  'a commit writes no file to %j',
  (path) => {
    expect(() => writtenPath(path)).toThrow(expect.objectContaining({ code: 'artifact-corrupt' }))
  },
)

it.skipIf(platform === 'win32').each(['a:b', 'aux.json', 'a\\b', 'a/.gitkeep', '...'])(
  'a commit may write to %j',
  (path) => {
    expect(writtenPath(path)).toBe(path)
  },
)
