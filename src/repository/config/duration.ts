const units = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

export const durationPattern = /^([1-9]\d{0,3})([mhdw])$/

/** A duration such as `90m`, `12h`, `7d` or `2w`, in milliseconds; `undefined` for any other text. */
export function durationMsOf(text: string): number | undefined {
  const found = durationPattern.exec(text)
  return found === null ? undefined : Number(found[1]) * units[found[2] as keyof typeof units]
}
