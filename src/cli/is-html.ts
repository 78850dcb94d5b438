/** Whether a file's name asks for a page. */
export const isHtml = (path: unknown): boolean => typeof path === 'string' && /\.html?$/i.test(path)
