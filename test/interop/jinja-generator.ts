import type { Random } from '../../src/core/index.js'

/** What every generated template is given. */
export const variables = {
  n: 7,
  m: -3,
  f: 2.5,
  s: '  Hello, wörld 👋\n',
  t: 'xxaBc-dé fxx',
  e: '',
  yes: true,
  no: false,
  nil: null,
  list: [3, 1, 2],
  words: ['b', 'A', 'c', "it's"],
  rows: [
    { name: 'x', n: 2, ok: true },
    { name: 'Y', n: 1, ok: false, extra: null },
  ],
  dict: { b: 1, A: 'two', items: [1], 'k k': 0.1 },
}

/** Templates of Jinja that mostly render, and often fail as in Python. */
export function templateGenerator(random: Random): () => string {
  const one = <T>(list: readonly T[]): T => list[random.below(list.length)]!
  const integer = () => one(['0', '1', '2', '3', '-1', '-2', '5', '10', 'n', 'm', 'list | length', 'loop.index'])
  const number = () => (random.below(3) === 0 ? one(['1.0', '0.1', '2.5', '1e16', '1e-5', 'f', '-0.5']) : integer())
  const text = (): string =>
    one([
      "'a'",
      '"x"',
      "''",
      "'x,y,,z'",
      "' b  c\\t'",
      "'Straße'",
      "'\\u00e9\\n\\x41\\q'",
      's',
      't',
      'e',
      'words[1]',
      "'%s-%d' % ('a', 3)",
      "'a' 'b'",
      "'%.2f' % f",
      'dict.A',
      "'ΑΣ'",
      "'a\\'b\"c'",
    ])
  const list = (): string =>
    one([
      'list',
      'words',
      '[1, "a", 2.0, none, true]',
      '[]',
      "('a', 1)",
      '(1,)',
      'range(4)',
      'rows',
      "'abc'",
      'words | list',
      's.split()',
    ])
  const dict = () => one(['dict', '{"a": 1, "b": [1, 2]}', '{}', 'rows[0]', '{1: "x", none: 2}'])
  const anything = (depth: number): string =>
    one([
      number,
      text,
      list,
      dict,
      () => one(['yes', 'no', 'nil', 'none', 'true', 'dict.zz', 'rows[0].zz']),
      () => expression(depth - 1),
    ])()
  const filter = (depth: number): string => {
    const value = () => anything(depth - 1)
    return one<() => string>([
      () =>
        `(${value()}) | ${one(['length', 'string', 'list', 'first', 'last', 'upper', 'lower', 'title', 'capitalize', 'trim', 'abs', 'int', 'float', 'round', 'sort', 'unique | list', 'reverse | list', 'min', 'max', 'sum', 'tojson', 'wordcount', 'items | list', 'dictsort', 'default("d")', 'default("d", true)', 'join', 'join(", ")', 'count', 'reverse'])}`,
      () =>
        `(${list()}) | ${one(['map("upper")', 'map("string")', 'select', 'reject', 'select("string")', 'select("gt", 1)', 'reject("eq", "a")', 'map("length")', 'batch(2)', 'batch(2, 0)', 'sort(reverse=true)', 'unique'])} | list`,
      () =>
        `rows | ${one(['map(attribute="name")', 'map(attribute="zz", default=1)', 'selectattr("ok")', 'rejectattr("ok")', 'selectattr("name", "eq", "x")', 'selectattr("n", "gt", 1)', 'sort(attribute="n")', 'sum(attribute="n")'])} | ${one(['list', 'length', 'first', 'tojson'])}`,
      () =>
        `(${text()}) | ${one(['trim("x")', 'replace("a", "b")', 'replace("", "-")', 'replace("x", "", 1)', 'indent', 'indent(2, true)', 'indent(2, blank=true)', 'center(9)', 'format(1, 2)', 'int(5)', 'float(1)'])}`,
      () =>
        `(${value()}) | tojson(${one(['', 'indent=2', 'ensure_ascii=true', 'sort_keys=true', 'separators=(",", ":")', 'indent=none'])})`,
      () =>
        `(${number()}) | ${one(['round(1)', 'round(2, "floor")', 'round(0, "ceil")', 'round(1, "common")', 'int', 'float', 'abs', 'string'])}`,
    ])()
  }
  const method = (): string =>
    one<() => string>([
      () =>
        `(${text()}).${one(['strip()', 'lstrip()', 'rstrip()', 'strip("x ")', 'lstrip("x")', 'rstrip("\\n")', 'upper()', 'lower()', 'title()', 'capitalize()', 'split()', 'split(",")', 'split(",", 1)', 'split(none, 1)', 'rsplit(" ", 1)', 'rsplit(none, 1)', 'splitlines()', 'startswith("a")', 'startswith(("a", "x"))', 'endswith("x")', 'replace("x", "y")', 'replace("x", "y", 1)', 'find("a")', 'rfind("x")', 'count("x")', 'count("")', 'join(["a", "b"])', 'isdigit()', 'isalpha()', 'isalnum()', 'isspace()', 'islower()', 'isupper()', 'zfill(5)', 'ljust(5)', 'rjust(5, "*")', 'center(6)', 'removeprefix("x")', 'removesuffix("x")', 'partition("-")', 'rpartition(" ")', 'format(1)', 'index("a")'])}`,
      () =>
        `(${dict()}).${one(['items()', 'keys()', 'values()', 'get("a")', 'get("zz")', 'get("zz", 1)', 'items() | list', 'keys() | list', 'items', 'b', 'zz'])}`,
      () => `(${list()}).${one(['count(1)', 'index(1)', 'append(1)'])}`,
    ])()
  const access = (depth: number): string => {
    const bound = () => one(['', '0', '1', '-1', '2', '-3', '9', '-9', 'none'])
    return one<() => string>([
      () => `(${one([text, list])()})[${bound()}:${bound()}]`,
      () => `(${one([text, list])()})[${bound()}:${bound()}:${one(['', '1', '-1', '2', '-2'])}]`,
      () => `(${anything(depth - 1)})[${integer()}]`,
      () => `(${dict()})[${text()}]`,
      () => `(${list()})[${integer()}]`,
    ])()
  }
  const test = (depth: number): string =>
    `(${anything(depth - 1)}) is ${one(['', 'not '])}${one(['defined', 'undefined', 'none', 'boolean', 'true', 'false', 'integer', 'float', 'number', 'string', 'mapping', 'sequence', 'iterable', 'callable', 'odd', 'even', 'divisibleby 3', 'divisibleby(2)', 'eq 1', 'ne "a"', 'lt 2', 'ge 1', 'in [1, 2]', 'in "abc"', 'lower', 'upper', 'sameas none', 'sameas true'])}`
  const expression = (depth: number): string => {
    if (depth <= 0) return one([number, text, list, dict])()
    const value = () => anything(depth - 1)
    return one<() => string>([
      () => `${number()} ${one(['+', '-', '*', '/', '//', '%', '**'])} ${number()}`,
      () => `(${value()}) ${one(['+', '*', '-', '%', '//'])} (${value()})`,
      () => `${value()} ~ ${value()}`,
      () => `(${value()}) ${one(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in'])} (${value()})`,
      () => `${number()} < ${number()} ${one(['<', '==', '>'])} ${number()}`,
      () => `${value()} ${one(['and', 'or'])} ${value()}`,
      () => `not ${value()}`,
      () => `${one(['-', '+'])}${number()}${one(['', ' ** 2', ' | abs'])}`,
      () => `(${value()} if ${value()}${one(['', ` else ${value()}`])})`,
      () => `[${value()}, ${value()}]`,
      () => `{"k": ${value()}}`,
      () => filter(depth),
      () => filter(depth),
      () => method(),
      () => method(),
      () => access(depth),
      () => test(depth),
    ])()
  }
  const open = () => one(['{%', '{%', '{%-', '{%+'])
  const close = () => one(['%}', '%}', '-%}', '+%}'])
  const block = (content: string) => `${open()} ${content} ${close()}`
  const space = () => one(['', ' ', '\n', '\n  ', 'text ', '\r\n', '  \n\n', 'x\u2028', '\ta\n'])
  const statement = (depth: number): string => {
    const body = () =>
      depth <= 0 ? `${space()}{{ ${expression(1)} }}${space()}` : space() + statement(depth - 1) + space()
    const target = one(['v', 'n', 'w'])
    return one<() => string>([
      () => `${one(['{{', '{{-'])} ${expression(2)} ${one(['}}', '-}}'])}`,
      () =>
        `${block(`if ${expression(1)}`)}${body()}${block(`elif ${expression(1)}`)}${body()}${block('else')}${body()}${block('endif')}`,
      () =>
        `${block(`for ${target} in ${list()}${one(['', '', ` if ${target} is not none`])}`)}${body()}${one(['', `{{ loop.index }}{{ loop.last }}`, `{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}`, '{{ loop.cycle("a", "b") }}', `{% if loop.index == 2 %}${block(one(['break', 'continue']))}{% endif %}`])}${one(['', `${block('else')}${body()}`])}${block('endfor')}{{ ${target} }}`,
      () =>
        `${block(`for key, value in ${dict()}${one(['.items()', ' | items', ' | dictsort'])}`)}{{ key }}={{ value }}${body()}${block('endfor')}`,
      () => `${block(`set ${target} = ${expression(2)}`)}${body()}{{ ${target} }}`,
      () =>
        `${block(`set ${target}${one(['', ' | upper', ' | trim | length'])}`)}${body()}${block('endset')}[{{ ${target} }}]`,
      () =>
        `${block('set ns = namespace(a=1, b="x")')}${block(`for i in ${list()}`)}${block(`set ns.a = ${one(['i', 'ns.a + 1', 'loop.index', expression(1)])}`)}${body()}${block('endfor')}{{ ns.a }}{{ ns.zz }}`,
      () =>
        `${block(`macro m(a, b=${expression(1)}${one(['', ', n=a'])})`)}${body()}{{ a }}|{{ b }}|{{ n }}${one(['', '{{ varargs }}', '{{ kwargs }}', '{{ caller() }}'])}${block('endmacro')}${one(['{{ m(1) }}', '{{ m(1, 2) }}', '{{ m(1, 2, 3, 4) }}', '{{ m(b=3) }}', '{{ m(1, z=4) }}', '{% call m(1) %}called {{ n }}{% endcall %}', '{{ m() | upper }}'])}`,
      () =>
        `${block(`filter ${one(['upper', 'trim', 'replace("a", "b")', 'indent(2)'])}`)}${body()}${block('endfilter')}`,
      () => `${block(`with ${target} = ${expression(1)}`)}${body()}{{ ${target} }}${block('endwith')}{{ ${target} }}`,
      () => `${one(['{#', '{#-'])} a {{ comment ${one(['#}', '-#}', '+#}'])}`,
      () => `${block('raw')}{{ n }} {% x ${block('endraw')}`,
      () => `${block('generation')}${body()}${block('endgeneration')}`,
    ])()
  }
  return () => {
    const template =
      random.below(3) === 0 ? `{{ ${expression(3)} }}` : space() + statement(2) + space() + statement(1) + space()
    return template
  }
}
