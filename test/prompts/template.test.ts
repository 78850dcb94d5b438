import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkVariables, parseTemplate, renderPrompt } from '../../src/prompts/index.js'
import { rounds } from '../whole.js'

const refused = (message: RegExp, line?: number) => ({
  code: 'template-invalid',
  message: expect.stringMatching(message),
  facts: expect.objectContaining({ file: 'x.txt', ...(line === undefined ? {} : { line }) }),
})

describe('renderPrompt', () => {
  it('renders variables, loops and filters', async () => {
    const template =
      '{% for item in items if item.ok %}{{ loop.index }}. {{ item.name | upper }}\n{% endfor %}{{ meta["k"] | tojson }}'
    const items = [
      { name: 'a', ok: true },
      { name: 'b', ok: false },
      { name: 'c', ok: true },
    ]
    expect(await renderPrompt(template, { items, meta: { k: [1] } })).toBe('1. A\n2. C\n[1]')
  })

  it('keeps white space as plain Jinja does, which is not what chat templates do', async () => {
    expect(await renderPrompt('a\n  {% if true %}\nb\n  {% endif %}\nc\n', {})).toBe('a\n  \nb\n  \nc')
    expect(await renderPrompt('a\n  {%- if true -%}\nb\n  {%- endif %}\nc', {})).toBe('ab\nc')
  })

  it('gives text back that has no tags', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        fc.pre(!/{[{%#]/.test(text) && !text.endsWith('\n'))
        expect(await renderPrompt(text, {})).toBe(text)
      }),
    )
  })

  it('what a variable holds is never a template', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (value) => {
        const hostile = `{{ ${value} }}{% raise_exception("x") %}`
        expect(await renderPrompt('<{{ text }}>', { text: hostile })).toBe(`<${hostile}>`)
      }),
    )
  })

  it('a variable may be called as a global is', async () => {
    expect(await renderPrompt('{{ range }}{{ namespace }}', { range: 1, namespace: 2 })).toBe('12')
  })

  it('reaches no constructor and no prototype', async () => {
    for (const attack of [
      'x.constructor',
      'x.__proto__',
      'range.constructor("return 1")()',
      'x["constructor"]["prototype"]',
    ])
      expect(await renderPrompt(`{{ ${attack} }}`, { x: {} }).catch(() => '')).toBe('')
  })

  it('what it says does not depend on the day', async () => {
    await expect(renderPrompt('{{ strftime_now("%Y") }}', {}, 'x.txt')).rejects.toMatchObject(
      refused(/"strftime_now" is unknown/, 1),
    )
  })

  it.each([
    ['{% for a in range(3000) %}{% for b in range(3000) %}{{ b }}{% endfor %}{% endfor %}', /more than 1000000 steps/],
    ['{{ range(1000000000) }}', /range\(\) gives more than/],
    ['{% for a in range(60000) %}{{ text }}{% endfor %}', /more than 10000000 characters/],
    ['{{ raise_exception("no system role") }}', /no system role/],
    ['{{ text | no_such_filter }}', /cannot be parsed: the filter "no_such_filter" is not supported/],
  ])('%s is stopped', async (template, message) => {
    await expect(renderPrompt(template, { text: 'x'.repeat(300) }, 'x.txt')).rejects.toMatchObject(refused(message))
  })

  it('a template that is too large is refused', async () => {
    await expect(parseTemplate('x'.repeat(1_000_001), 'x.txt')).rejects.toMatchObject(refused(/1000001 characters/))
  })
})

describe('an unknown variable', () => {
  it.each([
    ['{{ text }}\n\n{{ lable }}', 'lable', 3],
    ['{# text\n #}{% if a\n == lable %}{% endif %}', 'lable', 3],
    ['{{ "lable }} \\" " }}\n{{ lable }}', 'lable', 2],
    ['{% for x in xs %}{% endfor %}\n{{ x }}', 'x', 2],
    ['{% for x in x %}{% endfor %}', 'x', 1],
    ['{% for x in xs if y %}{% endfor %}', 'y', 1],
    ['{{ loop.index }}', 'loop', 1],
    ['{{ late }}{% set late = 1 %}', 'late', 1],
    ['{% set ns.x = 1 %}', 'ns', 1],
    ['{% macro m(p, q=z) %}{{ p }}{{ q }}{% endmacro %}\n{{ m(1) }}{{ p }}', 'z', 1],
    ['{{ text[index] }}', 'index', 1],
    ['{{ text | join(separator) }}', 'separator', 1],
    ['{{ {"k": value}["k"] }}', 'value', 1],
    ['{{ a if\n b else\n c }}', 'c', 3],
    ['{{- a -}}\n\n   {{- lable }}', 'lable', 3],
    ['{% generation %}\n{{ lable }}{% endgeneration %}', 'lable', 2],
    ['{% set filter = 1 %}{{ filter }}\n{{ call }}', 'call', 2],
  ])('%j is %s in line %d', async (template, variable, line) => {
    const check = checkVariables(template, ['text', 'a', 'b', 'xs'], 'x.txt')
    await expect(check).rejects.toMatchObject(
      refused(new RegExp(`line ${line}, column \\d+: the variable "${variable}" is unknown`), line),
    )
    await expect(check).rejects.toMatchObject({ facts: { variable, known: ['text', 'a', 'b', 'xs'] } })
  })

  it.each([
    '{{ text.anything.deep }}{{ text["x"] }}{{ text is string }}{{ text | upper }}',
    '{% for a, b in text %}{{ a }}{{ b }}{{ loop.first }}{% else %}{{ text }}{% endfor %}',
    '{% for item in text if item.ok %}{{ item }}{% endfor %}',
    '{% set x = 1 %}{{ x }}{% set y %}{{ x }}{% endset %}{{ y }}',
    '{% set ns = namespace(n=0) %}{% set ns.n = 1 %}{{ ns.n }}',
    '{% macro m(p, q=1) %}{{ p }}{{ q }}{{ varargs }}{{ kwargs }}{{ caller() }}{% endmacro %}{% call(u) m(p=1) %}{{ u }}{% endcall %}',
    '{% if title is defined %}{{ title }}{% endif %}{{ name | default("you") }}',
    '{% filter upper %}{{ text }}{% endfilter %}',
    '{{ {"key": text}["key"] }}{{ [text, (text, 1)] }}{{ text[1:2] }}{{ none }}{{ true and not False }}',
    '{{ text }}',
  ])('%s has none', async (template) => {
    await checkVariables(template, ['text'])
  })

  it('is found whatever stands around it, in its line', async () => {
    const piece = fc.constantFrom(
      'text\n',
      '{{ text }}',
      '{# no #}\n',
      '{% if text %}\n{% endif %}',
      '{{ "}}" }}',
      "{{ '\\'' }}",
      '{%- set a = {"b": {}} -%}\n',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.array(piece), async (before, after) => {
        const head = before.join('')
        const line = head.split('\n').length
        await expect(checkVariables(`${head}{{ lable }}${after.join('')}`, ['text'], 'x.txt')).rejects.toMatchObject(
          refused(/"lable"/, line),
        )
      }),
    )
  })
})

describe('a template that is not Jinja', () => {
  it.each([
    ['a\n{% for x in [] %}\n{{ x }}', /the block "for" is not closed/, 2],
    ['{{ 1 }}{{ x | e }}', /column 15: it cannot be parsed: the filter "e" is not supported here/, 1],
    ['a\n{% if true %}{% for x in [] %}{% endfor %}\nb', /the block "if" is not closed/, 2],
    ['a\n{{ x', /not closed/, 2],
    ['a\n{# x', /not closed/, 2],
    ['a\n{{ "x }}', /not closed/, 2],
    ['a\n{% endfor %}', /the tag "endfor" has no block/, 2],
    ['a\n\n{% include "x" %}', /the tag "include" is not supported/, 3],
    ['a\n{{ x\n & y }}', /the character "&" does not belong in a tag/, 3],
    ['{{ ok }}\n{{ x y }}', /"}}" is expected, and "y" is found/, 2],
    ['{% if true %}\n{{ ) }}{% endif %}', /./, 2],
  ])('%j', async (template, message, line) => {
    await expect(parseTemplate(template, 'x.txt')).rejects.toMatchObject(refused(message, line))
  })

  it('ends in an error of ours, whatever the text', async () => {
    const text = fc.string({
      unit: fc.constantFrom(
        '{{',
        '}}',
        '{%',
        '%}',
        'for',
        ' in ',
        'if',
        'endif',
        'endfor',
        'x',
        '"',
        "'",
        '.',
        '|',
        '(',
        ')',
        '{',
        '}',
        ' ',
        '\n',
        '-',
        '#',
        '\\',
      ),
    })
    await fc.assert(
      fc.asyncProperty(text, async (template) => {
        const result = await parseTemplate(template, 'x.txt').catch((error: unknown) => error)
        if (result instanceof Error) expect(result).toMatchObject({ code: 'template-invalid' })
      }),
      { numRuns: rounds(500) },
    )
  })
})
