import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compile } from '../../src/prompts/jinja/index.js'
import { representFloat } from '../../src/prompts/jinja/values.js'

// Every expected text is what Jinja2 3.1.6 for Python 3.11 renders.
const limits = { steps: 100_000, characters: 1_000_000 }
const chat = { trimBlocks: true, lstripBlocks: true }
const render = (template: string, variables = {}, options = {}) =>
  compile(template, options).render(variables, limits).text

describe('values print as in Python', () => {
  it.each([
    ['{{ none }} {{ true }} {{ [1, "a", none, 2.0] }} {{ {"k": (1,)} }}', "None True [1, 'a', None, 2.0] {'k': (1,)}"],
    [
      '{{ 1.0 }} {{ 1e16 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }}',
      '1.0 1e+16 1000000000000000.0 0.0001 1e-05 -0.0',
    ],
    [`{{ ["it's", 'a"b', "\\n\\x00é\\u200b"] }}`, `["it's", 'a"b', '\\n\\x00é\\u200b']`],
    ['{{ {"a": 1}.items() }} {{ range(3) }}', "dict_items([('a', 1)]) range(0, 3)"],
    ['{{ 2 ** 100 }} {{ 9007199254740993 + 0 }}', '1267650600228229401496703205376 9007199254740993'],
  ])('%s', (template, text) => expect(render(template)).toBe(text))

  it('a fraction of a sample keeps its digits', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => Number(representFloat(x)) === x))
  })
})

describe('operators', () => {
  it.each([
    [
      '{{ -7 % 3 }} {{ 7 % -3 }} {{ -7 // 2 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 7 / 2 }} {{ 4 / 2 }}',
      '2 -2 -4 3.0 0.5 3.5 2.0',
    ],
    // Jinja2's optimizer drops the parentheses of a negative constant: the sign comes after the power.
    [
      '{% set n = 2 %}{{ -2 ** n }} {{ (1 - 3) ** n }} {{ 3 * -2 ** n }} {{ -n ** 2 }} {{ (-2) ** (1 + 1) }}',
      '-4 -4 -12 4 4',
    ],
    ['{{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ -3 | abs }} {{ 1 ~ 2 * 3 }}', '4 64 3 16'],
    ['{{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ not 1 in [2] }}', 'True False True True True'],
    ['{{ "a" * 3 }} {{ [1] * 2 }} {{ "%05.2f|%-4s|%d" % (3.14159, "x", 7) }}', 'aaa [1, 1] 03.14|x   |7'],
    [
      '{{ [1] in {1: [1]}.values() }} {{ [1] in {1: 2}.items() }} {{ (1, [2]) in {1: [2]}.items() }} {{ {}.values() in {1: 2}.keys() }}',
      'True False True False',
    ],
    ['{{ "x" if false }}|{{ 0 or "b" }}|{{ "a" and none }}', '|b|None'],
  ])('%s', (template, text) => expect(render(template)).toBe(text))

  it.each(['{{ 1 / 0 }}', '{{ 1 % 0 }}', '{{ 1.0 // 0 }}'])('%s divides by zero', (template) =>
    expect(() => render(template)).toThrow(/divides by zero/),
  )
  it.each([
    '{{ 1 + "a" }}',
    '{{ x.y }}',
    '{{ x + 1 }}',
    '{{ none < 1 }}',
    '{{ 1 in 2 }}',
    '{{ 3() }}',
    '{{ [1].append(2) }}',
    '{{ [1] in {1: 2}.keys() }}',
    '{{ {} in {}.keys() }}',
    '{{ (1, [2]) not in {1: 2}.keys() }}',
    '{{ {1: 2}.items() in {1: 2}.keys() }}',
    '{{ ([1], 2) in {1: 2}.items() }}',
  ])('%s is an error, as in Python', (template) => expect(() => render(template)).toThrow())
})

describe('methods and filters', () => {
  it.each([
    [
      "{{ 'xxaxx'.strip('x') }}|{{ 'xxaxx'.lstrip('x') }}|{{ 'xxaxx'.rstrip('x') }}|{{ '\\ufeffa\\x1c'.strip() }}",
      'a|axx|xxa|\ufeffa',
    ],
    ['{{ \'aBc dEF\'.capitalize() }}|{{ "it\'s".title() }}|{{ "it\'s a-b" | title }}', "Abc def|It'S|It's A-B"],
    [
      "{{ ' a  b '.split() }}{{ 'a,,b'.split(',') }}{{ 'a b c'.rsplit(' ', 1) }}",
      "['a', 'b']['a', '', 'b']['a b', 'c']",
    ],
    ['{{ "👋a"[0] }}{{ "👋a" | length }}{{ "abc"[::-1] }}{{ [1, 2, 3][-2:] }}{{ "abc"[9] }}', '👋2cba[2, 3]'],
    [
      '{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 7 | round }} {{ "4.7" | int }} {{ "x" | int }}',
      '2.0 4.0 2.67 7 4 0',
    ],
    ['{{ ["b", "A", "c"] | sort | join(",") }} {{ {"B": 1, "a": 2} | dictsort }}', "A,b,c [('a', 2), ('B', 1)]"],
    ['{{ {"b": [1, "é<"], "a": none} | tojson }}', '{"b": [1, "é<"], "a": null}'],
    ['{{ {"a": [1, {}]} | tojson(indent=2) }}', '{\n  "a": [\n    1,\n    {}\n  ]\n}'],
    ['{{ {"items": 1}.items is callable }}{{ {"items": 1}["items"] }}', 'True1'],
    ['{{ [{"n": 1}, {"n": 2}] | selectattr("n", "gt", 1) | map(attribute="n") | list }}', '[2]'],
  ])('%s', (template, text) => expect(render(template)).toBe(text))
})

describe('blocks', () => {
  it('newlines are normalised in the template, and not in values', () => {
    expect(render('a\r\n{{ x }}\rb\r\n', { x: '1\r\n2' })).toBe('a\n1\r\n2\nb')
    expect(render('{{ "a\r\nb" }}\n\n')).toBe('a\nb\n')
  })

  it('white space is controlled as in chat templates', () => {
    expect(render('  {% if true %}\n a\n  {%+ endif %}\nb {{- 1 }}\n', {}, chat)).toBe(' a\n  b1')
    expect(render('{{ "-%} {%- x" }}{# c -#}  d', {}, chat)).toBe('-%} {%- xd')
    expect(render('{% raw -%} {{ x }} {%- endraw %}!', {}, chat)).toBe('{{ x }}!')
  })

  it('a loop has its own scope, and its variable', () => {
    expect(render('{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 5 %}{{ x }},{% endfor %}{{ x }}')).toBe(
      '16,17,1',
    )
    expect(
      render(
        '{% for i in "abcd" if i != "b" %}{{ loop.index }}{{ i }}{{ loop.nextitem }}{{ loop.revindex0 }} {% endfor %}',
      ),
    ).toBe('1ac2 2cd1 3d0 ')
    expect(render('{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}')).toBe('13')
    expect(
      render('{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}'),
    ).toBe('3')
  })

  it('a macro sees the scope in which it is written', () => {
    expect(
      render(
        '{% macro m(a, b=a) %}{{ a }}{{ b }}{{ i }}{{ caller() if caller }}{% endmacro %}{% for i in [1] %}{{ m(2) }}{% call m(3, 4) %}!{% endcall %}{% endfor %}',
      ),
    ).toBe('2234!')
  })

  it('a name that Jinja2 resolves in another way is refused', () => {
    const template = '{% for i in [1] %}{{ x }}{% endfor %}{% set x = 2 %}{{ x }}'
    expect(render(template)).toBe('2')
    const refused = /reading "x" in a block before "set x"/
    expect(() => render(template, { x: 1 })).toThrow(refused)
    // Another branch sets it, which this one does not see.
    for (const block of [
      '{% if no %}{% set x = 3 %}{% elif x %}{{ x }}{% endif %}',
      '{% if no %}{% macro x() %}{% endmacro %}{% else %}{{ x }}{% endif %}',
      '{% if no %}{% set x = 3 %}{% endif %}{{ x }}',
      '{% if no %}{% set x = 3 %}{% endif %}{% for j in [1] %}{{ x }}{% endfor %}',
    ])
      expect(() => render(`{% for i in [1] %}${block}{% endfor %}{% set x = 2 %}`, { x: 1 }), block).toThrow(refused)
    expect(() =>
      render('{% set x %}{% if no %}{% set x = 3 %}{% else %}{{ x }}{% endif %}{% endset %}', { x: 1 }),
    ).toThrow(refused)
  })

  it('a name that every branch sets, or the block before them, is its own', () => {
    const loop = (body: string) => render(`{% for i in [1] %}${body}{% endfor %}{% set x = 2 %}`, { x: 1 })
    expect(loop('{% if i %}{% set x = 3 %}{% else %}{% set x = 4 %}{% endif %}{{ x }}')).toBe('3')
    expect(loop('{% set x = 5 %}{% if no %}{% set x = 3 %}{% endif %}{{ x }}')).toBe('5')
  })
})

describe('what does not end', () => {
  it.each([
    ['{% for i in range(10 ** 9) %}{% endfor %}', /range\(\) gives more than 100000/],
    ['{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}', /more than 100000 steps/],
    ['{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}', /more than 100 levels deep/],
    ['{{ "a" * 10 ** 9 }}', /more than 10000000 characters/],
    [
      '{% set ns = namespace(s="a") %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}',
      /more than 1000000 characters/,
    ],
    ['{% set n = 2 %}{{ (-2)|int ** n }}{{ ((-2)|int) ** n }}', /a power of a negative constant/],
    ['{{ 10 ** 10000 }}', /more than 4300 digits/],
    [`{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`, /nested more than 100 levels deep/],
    [`{{ ${'1 + '.repeat(100_000)} 1 }}`, /./],
  ])('%.60s', (template, message) => expect(() => render(template)).toThrow(message))
})
