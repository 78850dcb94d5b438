/** What stands for NaN and the infinities that Python's `json.dumps` writes, and no JSON may hold. */
export const notFinite = 'not finite'

/** A line as an object, or undefined. Numbers that JSON has no word for become `notFinite`. */
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
