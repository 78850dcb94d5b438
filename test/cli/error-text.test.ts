import { expect, it } from 'vitest'
import { errorText } from '../../src/cli/error-text.js'
import { renderText } from '../../src/cli/styled-text.js'
import { SheikhError } from '../../src/core/index.js'

const plain = (error: unknown) => renderText(errorText(error), false, (text) => text)

it('a code follows its message, and has a line of its own after a message of several lines', () => {
  expect(plain(new SheikhError('locked', 'Another run holds the lock.'))).toBe(
    'sheikh: Another run holds the lock. [locked] See docs/errors.md#locked\n',
  )
  expect(plain(new SheikhError('stage-failed', 'Training failed. Its last lines:\nout of memory'))).toBe(
    'sheikh: Training failed. Its last lines:\nout of memory\n[stage-failed] See docs/errors.md#stage-failed\n',
  )
  expect(plain(new TypeError('x is not a function'))).toBe('sheikh: x is not a function\n')
})
