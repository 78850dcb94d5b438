import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeHtml, visible } from '../../src/core/index.js'
import { escapeIssueText } from '../../src/notify/github-issue.js'
import { escapeSlack } from '../../src/notify/slack.js'
import { rounds } from '../whole.js'

const markup = fc.constantFrom(
  ...'<>&"\'@#*_`[]()!|~\\\n\r\t\u202e\u200b;-+1. ',
  '<!channel>',
  '&commat;',
  '&lt;',
  'GH-1',
)
const texts = fc.array(fc.oneof(markup, fc.string({ unit: 'grapheme' }))).map((parts) => parts.join(''))

describe('escaping', () => {
  it('for Slack leaves no control sequence, and loses nothing that is visible', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const escaped = escapeSlack(text)
        expect(escaped).not.toMatch(/[<>\n]|&(?!(amp|lt|gt);)/)
        expect(escaped.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&')).toBe(visible(text))
      }),
      { numRuns: rounds(500) },
    )
  })

  it('for HTML leaves no tag, attribute or entity of the text', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"'\n]|&(?!(amp|lt|gt|quot|#39);)/)
      }),
      { numRuns: rounds(500) },
    )
  })

  it('for an issue leaves no mention, reference, tag or emphasis', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const escaped = escapeIssueText(text)
        expect(escaped).not.toMatch(/@[\p{L}\p{N}_-]|#\d|&[a-z]\w*;|\bGH-\d|:\/\/|\n/iu)
        // Each markup character is escaped by a backslash that is not itself escaped.
        expect(escaped.replace(/\\[\\`*_{}[\]<|#~>+\-\d]/g, '')).not.toMatch(/[\\`*_{}[\]<|#~>]/)
      }),
      { numRuns: rounds(500) },
    )
  })
})
