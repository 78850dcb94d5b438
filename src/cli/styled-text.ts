import { styleText } from 'node:util'

/** What a piece of text means. `good` is green, `bad` red, `open` yellow. */
export type Style = 'good' | 'bad' | 'open' | 'strong' | 'faint'

export interface StyledText {
  readonly style: Style
  readonly text: string
}

/** Text for a terminal. Colours are kept apart from the text until it is printed, so that escape codes in data never become colours. */
export type Text = string | StyledText | readonly Text[]

const formats = { good: 'green', bad: 'red', open: 'yellow', strong: 'bold', faint: 'dim' } as const

export const styled = (style: Style, text: string): StyledText => ({ style, text })

export const joinTexts = (texts: readonly Text[], separator = '\n'): Text =>
  texts.flatMap((text, index) => (index === 0 ? [text] : [separator, text]))

/** Text as it is printed. @param change is applied to each piece of text before its colour. */
export function renderText(text: Text, colours: boolean, change: (piece: string) => string): string {
  if (typeof text === 'string') return change(text)
  if (!('style' in text)) return text.map((piece) => renderText(piece, colours, change)).join('')
  const plain = change(text.text)
  // The caller knows whether the output takes colours: a stream of a test is no stream of the process.
  return colours && plain !== '' ? styleText(formats[text.style], plain, { validateStream: false }) : plain
}
