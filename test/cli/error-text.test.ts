import { expect, it } from 'vitest'
import { errorText } from '../../src/cli/error-text.js'
import { SheikhError } from '../../src/core/index.js'

it('a code follows its message, and has a line of its own after a message of several lines', () => {
  expect(errorText(new SheikhError('locked', 'Another run holds the lock.'))).toBe(
    'sheikh: Another run holds the lock. [locked] See docs/errors.md#locked\n',
  )
  expect(errorText(new SheikhError('stage-failed', 'Training failed. Its last lines:\nout of memory'))).toBe(
    'sheikh: Training failed. Its last lines:\nout of memory\n[stage-failed] See docs/errors.md#stage-failed\n',
  )
  expect(errorText(new TypeError('x is not a function'))).toBe('sheikh: x is not a function\n')
})
