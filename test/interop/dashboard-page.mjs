// Runs in the browser, in every page of dashboard.interop.ts.

/** What a page is made of. */
function facts() {
  const all = (selector) => [...document.querySelectorAll(selector)]
  const hasNoHeaders = (table) =>
    table.querySelector('thead th[scope=col]') === null ||
    [...table.querySelectorAll('tbody tr')].some((row) => row.firstElementChild?.tagName !== 'TH')
  const hasNoName = (element) => !element.getAttribute('aria-label') && !element.querySelector('title')?.textContent
  return {
    language: document.documentElement.lang,
    title: document.title,
    missingLandmarks: ['header', 'nav', 'main', 'footer'].filter((name) => all(name).length === 0),
    levels: all('h1, h2, h3, h4').map(({ tagName }) => Number(tagName[1])),
    tablesWithoutHeaders: all('table').filter(hasNoHeaders).length,
    unnamed: all('svg[role=img], [role=region], nav, progress').filter(hasNoName).length,
    ids: all('[id]').map(({ id }) => id),
    currentPages: all('nav [aria-current=page]').length,
    transitions: [...new Set(all('*').map((element) => getComputedStyle(element).transitionDuration))],
  }
}

/** What has the focus, and whether somebody sees that. */
function focused() {
  const { activeElement: element } = document
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  const { top, left, bottom } = element.getBoundingClientRect()
  return {
    name: element.id || element.getAttribute('aria-label') || element.textContent.trim(),
    isSeen: outlineStyle !== 'none' && outlineWidth !== '0px' && top >= 0 && left >= 0 && bottom <= innerHeight,
  }
}

/** Pixels by which the page is wider than the window, with texts of this size. */
function overflow(percent) {
  // An inline style is not allowed.
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(`html { font-size: ${percent}% } body { font-size: ${0.9375 * percent}% }`)
  document.adoptedStyleSheets = [sheet]
  return document.documentElement.scrollWidth - innerWidth
}

/** Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3), and the luminance of the page. */
function contrasts() {
  const low = [...document.querySelectorAll('body *')].flatMap((element) => {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '')
    if (!hasText || element.closest('title, desc, script') !== null) return []
    const { color, fill } = getComputedStyle(element)
    const [one, other] = [luminance(element.tagName === 'text' ? fill : color), luminance(behind(element))]
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    return ratio < 4.5 ? [`${element.textContent}: ${ratio.toFixed(2)}`] : []
  })
  return { low, paper: luminance(behind(document.body)) }
}

/** Relative luminance, 0 to 1 (WCAG 2.2). */
function luminance(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g).map((part) => {
    const share = Number(part) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function behind(element) {
  if (element === null) return 'rgb(255, 255, 255)'
  const { backgroundColor } = getComputedStyle(element)
  return backgroundColor === 'rgba(0, 0, 0, 0)' ? behind(element.parentElement) : backgroundColor
}

// The progress of the training and what was announced, without repetitions.
const seen = { progress: [], announcements: [] }
function add(list, value) {
  if (value !== undefined && list.at(-1) !== value) list.push(value)
}
new MutationObserver(() => {
  add(seen.progress, document.querySelector('progress[aria-label=training]')?.value)
  add(seen.announcements, document.getElementById('announcement')?.textContent)
}).observe(document, { subtree: true, childList: true, characterData: true })

globalThis.look = { facts, focused, overflow, contrasts, seen }
