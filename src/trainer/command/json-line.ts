/** Replaces NaN and the infinities, which Python's `json.dumps` writes although they are not valid JSON. */
export const notFinite = 'not finite'

/** Parses a line as an object; undefined if it is not one. NaN and infinities become `notFinite`. */
export function parseJsonLine(line: string): Readonly<Record<string, unknown>> | undefined {
  const value = parsed(line) ?? parsed(line.replace(pythonNumbers, JSON.stringify(notFinite)))
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

const pythonNumbers = /(?<=[:,[]\s*)-?(?:NaN|Infinity)(?=\s*[,\]}])/g

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
