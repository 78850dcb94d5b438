// Control characters are invisible on a page, directional marks reorder the text around them, and a lone surrogate is
// not a character.
const invisible = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu

/** Text on one line, with invisible characters replaced. */
export const visible = (text: string) => text.replace(/[\r\n\t]+/g, ' ').replace(invisible, '\ufffd')

/** Escapes text for a Markdown table cell or sentence, so that data cannot become markup. */
export const escapeMarkdown = (text: string) => visible(text).replace(/[\\`*_{}[\]<|#~]/g, '\\$&')

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Escapes text for an element or a quoted attribute, so that data cannot become markup. */
export const escapeHtml = (text: string) => visible(text).replace(/[&<>"']/g, (character) => entities[character]!)

/**
 * Markdown in which data cannot notify people or link elsewhere: a zero-width space ends what GitHub would take for a
 * mention, a reference or an address. It does this after rendering, so a backslash does not help.
 */
export const withoutLinks = (markdown: string) =>
  markdown
    .replace(/&(?=[a-z]\w*;)/gi, '&\u200b') // "&commat;" is rendered as "@"
    .replace(/@(?=[\p{L}\p{N}_-])/gu, '@\u200b')
    .replace(/#(?=\d)/g, '#\u200b')
    .replace(/\b(GH-)(?=\d)/gi, '$1\u200b')
    .replace(/:\/\//g, ':\u200b//')
    .replace(/\bwww\./gi, 'www\u200b.')
