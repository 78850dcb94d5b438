/** Whether a file name ends in `.html` or `.htm`. */
export const isHtml = (path: unknown): boolean => typeof path === 'string' && /\.html?$/i.test(path)
