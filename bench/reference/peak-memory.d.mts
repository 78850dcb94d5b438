export function peakMemoryKb(): number
