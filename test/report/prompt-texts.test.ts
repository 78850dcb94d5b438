import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diffLines, linesOf } from '../../src/report/diff-lines.js'
import { textBlock, textBlockHtml, textBlockMarkdown } from '../../src/report/prompt-texts.js'

describe('diffLines', () => {
  const line = fc.constantFrom('a', 'b', 'c', '', 'd e')
  const text = fc.array(line, { maxLength: 30 }).map((lines) => lines.join('\n'))

  it('contains both texts whole, apart from unchanged lines that are far from a change', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = diffLines(before, after)
        const left = lines.reduce(
          (sum, { kind, text }) => sum + (kind === 'left-out' ? Number.parseInt(text, 10) : 0),
          0,
        )
        const count = (...kinds: readonly string[]) => lines.filter(({ kind }) => kinds.includes(kind)).length
        expect(count('same', 'removed') + left).toBe(linesOf(before).length)
        expect(count('same', 'added') + left).toBe(linesOf(after).length)
        // Without what is left out, the lines that stay are in both texts in this order.
        const rest = (kind: string) =>
          lines.flatMap((one) => (one.kind === 'same' || one.kind === kind ? [one.text] : []))
        if (left > 0) return
        expect(rest('removed')).toEqual(linesOf(before))
        expect(rest('added')).toEqual(linesOf(after))
      }),
    )
  })

  it('marks the fewest lines', () => {
    expect(diffLines('a\nb\nc\nd', 'a\nc\nx\nd').map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      ...['same a', 'removed b', 'same c', 'added x', 'same d'],
    ])
  })

  it('leaves out unchanged lines, and ends for long texts without a common line', () => {
    const long = (mark: string) => Array.from({ length: 50_000 }, (_, i) => `${mark}${i}`).join('\n')
    expect(diffLines(`${long('a')}\nx`, `${long('a')}\ny`).map(({ kind }) => kind)).toEqual([
      ...['left-out', 'same', 'same', 'same', 'removed', 'added'],
    ])
    expect(diffLines(long('a'), long('b'))).toHaveLength(100_000)
  })
})

describe('a rendered prompt in a report', () => {
  const hostile = [
    '</pre></script><script>alert(1)</script>',
    '````',
    '# heading',
    '\u202etxt\u0000\u001b[2J',
    '@someone',
    '',
  ]

  it('keeps its lines and is never markup', () => {
    const text = hostile.join('\n')
    for (const block of [textBlock('<b>', text), textBlock('<b>', text, 'before')]) {
      const html = textBlockHtml(block)
      expect(html.match(/<(?!\/?(figure|figcaption|pre|span|ins|del|i)[ >])/g)).toBeNull()
      for (const character of ['\u202e', '\u0000', '\u001b']) expect(html).not.toContain(character)
      expect(html.split('\n').length).toBeGreaterThanOrEqual(hostile.length)
      const [, fenced] = textBlockMarkdown(block)
      const lines = fenced!.split('\n')
      expect(lines[0]).toMatch(/^`{5}(text|diff)$/)
      expect(lines.at(-1)).toBe('`````')
      for (const line of lines.slice(1, -1)) expect(line).toMatch(/^( {2}|- |\+ |… )/)
    }
  })

  it('is cut: long lines in their middle, and many lines at the end', () => {
    const { lines } = textBlock('x', `${'a'.repeat(1_000_000)}\n${'b\n'.repeat(1000)}`)
    expect(lines[0]!.text.length).toBeLessThan(5000)
    expect(lines[0]!.text).toContain('996,000 characters left out')
    expect(lines.at(-1)).toEqual({ kind: 'left-out', text: '802 more lines' })
  })
})
