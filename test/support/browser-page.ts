/**
 * What a browser SDK touches of a page, and nothing more: an address, a document without elements, cookies and
 * local storage in memory. No DOM is installed here; `fetch` is Node's own and really goes over the network.
 */
export function browserPage(href: string, title: string): Record<string, unknown> {
  const location = new URL(href)
  const cookies = new Map<string, string>()
  const document = {
    ...{ title, referrer: '', readyState: 'complete', visibilityState: 'visible' },
    querySelector: () => null,
    querySelectorAll: () => [],
    getElementsByTagName: () => [],
    addEventListener() {},
    get cookie() {
      return Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; ')
    },
    set cookie(text: string) {
      const [pair = '', ...attributes] = text.split(';').map((part) => part.trim())
      const [name = '', value = ''] = pair.split('=', 2)
      const expires = attributes.find((attribute) => /^expires=/i.test(attribute))?.slice(8)
      if (expires !== undefined && new Date(expires).getTime() < Date.now()) cookies.delete(name)
      else cookies.set(name, value)
    },
  }
  const navigator = {
    onLine: true,
    language: 'en-GB',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  }
  const page = { document, location, navigator, localStorage: memoryStorage() }
  const window = Object.assign(new EventTarget(), page, { setTimeout, clearTimeout, document })
  return { ...page, window }
}

function memoryStorage() {
  const items = new Map<string, string>()
  return {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, String(value)),
    removeItem: (name: string) => void items.delete(name),
  }
}
