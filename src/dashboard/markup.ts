import { escapeHtml } from '../core/index.js'

/** Text that is markup already. Everything else is escaped by `html`. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Inserted = Markup | readonly Inserted[] | string | number | undefined

/** Markup with values inside, which are escaped unless they are markup. Lists are joined; `undefined` is nothing. */
export const html = (strings: TemplateStringsArray, ...values: readonly Inserted[]): Markup =>
  new Markup(strings.map((part, index) => part + (index < values.length ? inserted(values[index]) : '')).join(''))

function inserted(value: Inserted): string {
  if (value === undefined) return ''
  if (value instanceof Markup) return value.text
  return typeof value === 'object' ? value.map(inserted).join('\n') : escapeHtml(String(value))
}

export interface Column {
  readonly name: string
  /** Hidden on narrow screens: the page of the row has it, too. */
  readonly isSecondary?: boolean
}

/**
 * A table whose first cell names the row. A column without values is left out.
 *
 * @param name of the table, for screen readers.
 */
export function table(name: string, all: readonly Column[], allRows: readonly (readonly Inserted[])[]): Markup {
  const isUsed = (_: unknown, index: number) =>
    allRows.some((row) => inserted(row[index]).replace(/<[^>]*>/g, '') !== '')
  const columns = all.filter(isUsed)
  const rows = allRows.map((row) => row.filter(isUsed))
  const cell = (value: Inserted, index: number) => {
    const { isSecondary } = columns[index]!
    if (index === 0) return html`<th scope="row">${value}</th>`
    return isSecondary === true ? html`<td class="secondary">${value}</td>` : html`<td>${value}</td>`
  }
  const head = columns.map(({ name, isSecondary }) =>
    isSecondary === true ? html`<th scope="col" class="secondary">${name}</th>` : html`<th scope="col">${name}</th>`,
  )
  // A table that is too wide scrolls in its own box, by keyboard too.
  return html`<div class="wide" role="region" aria-label="${name}" tabindex="0"><table class="list"><thead><tr>${head}</tr></thead><tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody></table></div>`
}
