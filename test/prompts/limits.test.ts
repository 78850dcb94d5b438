import { describe, expect, it } from 'vitest'
import { compile } from '../../src/prompts/jinja/index.js'

// A hundredth of the default limits: what exceeds these in a moment would exceed those in a second.
const limits = { steps: 10_000, characters: 1_000_000 }
const growing = (body: string, after: string) =>
  `{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}${body}{% endfor %}${after}`
const steps = /more than 10000 steps/
const characters = /more than 1000000 characters/

describe('a hostile template is stopped', () => {
  it.each<[name: string, template: string, message: RegExp]>([
    ['loops in loops', '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}', steps],
    ['huge ranges', '{% for a in range(999) %}{% set x = range(100000) %}{% endfor %}', steps],
    ['filtered loops', '{% for a in range(100000) if false %}{% endfor %}', steps],
    ['a list that contains itself twice, printed', growing('{% set ns.x = [ns.x, ns.x] %}', '{{ ns.x }}'), steps],
    ['the same as JSON', growing('{% set ns.x = [ns.x, ns.x] %}', '{{ ns.x | tojson }}'), steps],
    [
      'the same, compared',
      growing('{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}', '{{ ns.x == ns.y }}'),
      steps,
    ],
    ['the same as a key', growing('{% set ns.x = (ns.x, ns.x) %}', '{{ ns.x in {}.keys() }}'), steps],
    [
      'macros that call themselves twice',
      '{% macro m(n) %}{{ m(n) if n else "" }}{{ m(n) }}{% endmacro %}{{ m(1) }}',
      /100 levels/,
    ],
    ['lists that double', growing('{% set ns.x = ns.x + ns.x %}', ''), steps],
    ['a fill of a batch', '{{ [1] | batch(1000000000, 0) | list | length }}', steps],
    ['a quadratic filter', '{{ range(9999) | unique | list | length }}', steps],
    ['a quadratic search', '{% set l = range(9999) | list %}{% for i in l %}{{ -1 in l }}{% endfor %}', steps],
    ['sorting again and again', '{% for i in range(999) %}{{ range(9999) | sort | first }}{% endfor %}', steps],
    ['texts that double', growing('{% set ns.x = ns.x ~ ns.x %}', ''), steps],
    ['a long text, multiplied', '{{ "a" * 9999999 }}', steps],
    ['a replacement', '{{ ("a" * 5000) | replace("a", "b" * 5000) }}', characters],
    ['a replacement of nothing', '{{ ("a" * 5000) | replace("", "b" * 5000) }}', characters],
    ['a separator', '{{ range(2000) | join("b" * 5000) }}', characters],
    ['indented lines', '{{ ("a\\n" * 5000) | indent("b" * 5000) }}', characters],
    ['indented JSON', '{{ [[[1, 2]]] | tojson(indent="b" * 400000) }}', steps],
    ['wide formats', '{{ ("%9999d" * 5000) % (1,) }}', /more places than values/],
    ['long digits', '{% for i in range(9999) %}{{ "%.9999f" % 1e-300 }}{% endfor %}', steps],
    ['long whole numbers', '{% set x = 10 ** 4000 %}{% for i in range(9999) %}{{ x * 7 }}{% endfor %}', steps],
    ['splits of white space', '{{ ("a " * 5000).split(none, 5000) | length }}', steps],
    ['characters of a text', '{% set s = "é😀" * 5000 %}{% for i in range(9999) %}{{ s[i] }}{% endfor %}', steps],
    ['upper case', '{% set s = "a" * 5000 %}{% for i in range(9999) %}{% set t = s | upper %}{% endfor %}', steps],
    [
      'a generator, read in parts',
      '{% set s = range(9999) | map("string") %}{% for i in range(999) %}{{ s | first }}{% endfor %}',
      steps,
    ],
    [
      'a deep list',
      growing('{% for i in range(10) %}{% set ns.x = [ns.x] %}{% endfor %}', '{{ ns.x }}'),
      /nested too deeply/,
    ],
    ['a long sum', `{{ 1${'+1'.repeat(600)} }}`, /nested too deeply/],
    ['a long message', '{{ raise_exception("b" * 50000) }}', /^b{1000}…$/],
  ])('%s', (_, template, message) => {
    expect(() => compile(template).render({}, limits)).toThrow(message)
  })

  it('a pattern that is nearly a number is read in linear time', () => {
    const large = { steps: 1_000_000, characters: 10_000_000 }
    expect(compile('{{ ("1" * 1000000 ~ "x") | float }}').render({}, large).text).toBe('0.0')
  })

  it('a long part is found where JavaScript finds it', () => {
    const pick = (length: number, seed: number) =>
      Array.from({ length }, (_, index) => 'ab'[((index * index + seed) >> 1) % 2]).join('')
    for (let seed = 0; seed < 50; seed += 1) {
      const text = pick(400, seed) + pick(300, seed + 1)
      for (const part of [text.slice(seed, seed + 40), `${text.slice(3, 60)}c`, text, pick(33, seed * 3)]) {
        const found = compile(
          '{{ text.find(part) }} {{ text.rfind(part) }} {{ part in text }} {{ text.split(part) | join("|") }} {{ text | replace(part, "-") }}',
        ).render({ text, part }, { steps: 1_000_000, characters: 1_000_000 })
        const expected = [
          text.indexOf(part),
          text.lastIndexOf(part),
          text.includes(part) ? 'True' : 'False',
          text.split(part).join('|'),
          text.replaceAll(part, '-'),
        ]
        expect(found.text).toBe(expected.join(' '))
      }
    }
  })

  it('counts the same work each time', () => {
    const template = compile('{% for word in text.split() %}{{ word | upper }}{% endfor %}')
    const text = 'some words and more words '.repeat(20)
    const once = template.render({ text }, limits)
    expect(template.render({ text }, limits)).toEqual(once)
    expect(once.steps).toBeGreaterThan(300)
    expect(() => template.render({ text }, { ...limits, steps: once.steps - 1 })).toThrow(/more than/)
    expect(template.render({ text }, { ...limits, steps: once.steps }).text).toBe(once.text)
  })
})
