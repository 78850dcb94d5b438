import { type Random, seededRandom } from '../../core/index.js'

export interface GeneratedSample {
  readonly id: string
  readonly text: string
  readonly label: string
}

// What somebody wants, and what goes wrong with it, put together at random.
const kinds: Readonly<Record<string, { readonly things: readonly string[]; readonly troubles: readonly string[] }>> = {
  billing: {
    things: ['my invoice', 'the last payment', 'my credit card', 'the refund', 'the yearly plan', 'the receipt'],
    troubles: [
      'was charged twice',
      'shows the wrong amount',
      'was declined',
      'has not arrived',
      'names the wrong company',
      'costs more than agreed',
    ],
  },
  login: {
    things: [
      'my password',
      'the sign-in page',
      'my account',
      'the confirmation code',
      'single sign-on',
      'the reset link',
    ],
    troubles: ['is rejected', 'has expired', 'is locked', 'never comes', 'sends me in circles', 'says unknown user'],
  },
  shipping: {
    things: ['my parcel', 'the delivery', 'the tracking number', 'the courier', 'the return label', 'the package'],
    troubles: [
      'is late',
      'went to the old address',
      'does not work',
      'left it in the rain',
      'is missing',
      'arrived open',
    ],
  },
  technical: {
    things: ['the app', 'the export', 'the dashboard', 'the upload', 'the report', 'the search'],
    troubles: ['crashes on start', 'is slow', 'shows an error', 'stops half way', 'stays empty', 'freezes the browser'],
  },
}
const openings = ['Hello, ', 'Hi there: ', '', 'Good morning. ', 'Please help, ', 'Again: ']
const closings = [
  '.',
  ', can you look into it?',
  '. It is urgent.',
  ' since yesterday.',
  ' on my phone.',
  '. Thank you!',
]

/** Support tickets for a first try, 50 of each kind: the same ones every time. */
export function generateSamples(): readonly GeneratedSample[] {
  const [written, endings] = [new Set<string>(), new Set<string>()]
  const ticket = (things: readonly string[], troubles: readonly string[], random: Random): string => {
    const one = (items: readonly string[]) => items[random.below(items.length)]!
    const opening = one(openings)
    const ending = `${one(things)} ${one(troubles)}${one(closings)}`
    const text = `${opening}${ending}`
    if (written.has(text)) return ticket(things, troubles, random)
    written.add(text)
    // Tickets that differ only in the opening are near-duplicates, and leakage if one of them is in the evaluation set.
    if (endings.has(ending)) return ticket(things, troubles, others)
    endings.add(ending)
    return text
  }
  const random = seededRandom('sheikh-init')
  // Replacements come from a stream of their own, so that they change no other ticket.
  const others = seededRandom('sheikh-init-others')
  return Object.entries(kinds).flatMap(([label, { things, troubles }]) =>
    Array.from({ length: 50 }, (_, index) => ({
      id: `${label}-${String(index + 1).padStart(2, '0')}`,
      text: ticket(things, troubles, random),
      label,
    })),
  )
}
